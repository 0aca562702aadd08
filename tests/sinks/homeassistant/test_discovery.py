"""What Home Assistant receives, over a real mosquitto; make ha-test asks what it makes of it."""

from __future__ import annotations

import json
import re
import time

import paho.mqtt.publish as single
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eflexcan2mqtt import __version__
from eflexcan2mqtt.protocol.array import array_of
from eflexcan2mqtt.protocol.fields import FIELDS, STAGES, shown
from eflexcan2mqtt.settings.schema import HomeAssistant, Mqtt
from eflexcan2mqtt.sinks.homeassistant.discovery import Discovery
from eflexcan2mqtt.sinks.homeassistant.looks import OF_BANK, OF_BATTERY
from eflexcan2mqtt.sinks.mqtt.sink import MqttSink
from tests.support.bank import EXAMPLE, decoded, sent
from tests.support.broker import LONGEST_WAIT_S, wait_until
from tests.support.program import mqtt_ini

SERIAL = EXAMPLE[0]["battery_id"]
CONFIG = f"homeassistant/device/eflex_{SERIAL}/config"
BANK_CONFIG = "homeassistant/device/eflex_bank/config"
ATTENTION = "eflexbatteries/bank/attention"


def one_battery():
    """A cycle of one battery."""
    return decoded(sent(1))[0]


def descriptions(discovery, cycle, now=0.0):
    """The configurations that are due, by topic."""
    due = discovery.due(cycle, now)
    return {each.topic: json.loads(each.payload) for each in due if each.topic.endswith("/config")}


def described(cycle, stage="extended", topic=Mqtt.topic, page_url="", **settings):
    """The configurations, by topic."""
    mqtt = Mqtt(fields=stage, topic=topic)
    discovery = Discovery(HomeAssistant(discovery=True, **settings), mqtt, page_url=page_url)
    return descriptions(discovery, cycle)


def components(stage="extended", **settings):
    """Those of a battery that are shown, by name."""
    found = described(one_battery(), stage, **settings)[CONFIG]["components"]
    return {key: each for key, each in found.items() if len(each) > 1}


@pytest.fixture
def sink(broker):
    made = []

    def make(**settings):
        config = Mqtt(hostname="127.0.0.1", port=broker.port, fields="extended")
        discovery = Discovery(HomeAssistant(discovery=True, **settings), config)
        made.append(MqttSink(config, announcers=(discovery,)))
        made[-1].start()
        wait_until(lambda: made[-1].state.connected, "the sink")
        return made[-1]

    yield make
    for each in made:
        each.close(0.5)


def test_each_battery_also_gets_its_object_and_the_array_stays(sink, broker, subscribe):
    subscriber = subscribe(broker.port)
    cycle = one_battery()
    ours = sink()

    def shown():
        ours.publish(cycle)  # first the descriptions; values wait for their acknowledgement
        return subscriber.payloads(f"eflexbatteries/{SERIAL}")

    wait_until(shown)
    wait_until(subscriber.payloads)
    array = array_of("extended")(cycle)
    assert set(subscriber.payloads()) == {json.dumps(array).encode()}
    assert json.loads(subscriber.payloads(f"eflexbatteries/{SERIAL}")[0]) == {
        **array[0],
        "power": -15.9,
        "cell_spread": 0,
        "problem": False,
    }
    late = subscribe(broker.port, "eflexbatteries/#")
    single.single("eflexbatteries/end", qos=2, hostname="127.0.0.1", port=broker.port)
    wait_until(lambda: late.payloads("eflexbatteries/end"))  # behind all that is retained
    retained = {topic for topic, _, retained in late.messages if retained}
    assert retained == {"eflexbatteries/status"}


def test_without_the_setting_only_array_energy_and_status_are_published(
    start, broker, subscribe, tmp_path
):
    subscriber = subscribe(broker.port, "#")
    start("-c", mqtt_ini(tmp_path, broker.port), "--input", "simulator:2")
    wait_until(lambda: len(subscriber.payloads()) >= 2)
    wait_until(lambda: subscriber.payloads("eflexbatteries/energy"))
    assert {topic for topic, _, _ in subscriber.messages} == {
        "eflexbatteries",
        "eflexbatteries/energy",
        "eflexbatteries/status",
    }


def test_the_configurations_are_retained_the_bank_first(sink, broker, subscribe):
    subscriber = subscribe(broker.port, "homeassistant/#")
    sink().publish(one_battery())
    wait_until(lambda: len(subscriber.messages) == 2)
    late = subscribe(broker.port, "homeassistant/#")
    wait_until(lambda: len(late.messages) == 2)
    assert [(topic, retained) for topic, _, retained in late.messages] == [
        (BANK_CONFIG, True),
        (CONFIG, True),
    ]


def test_they_come_once_and_again_after_a_lost_connection(sink, broker, subscribe):
    subscriber = subscribe(broker.port, "homeassistant/#")
    ours = sink()
    for _ in range(3):
        ours.publish(one_battery())
    wait_until(lambda: len(subscriber.messages) == 2)
    broker.kill()
    broker.start()
    wait_until(lambda: len(subscriber.payloads(CONFIG)) >= 2, "the configurations again")
    assert subscriber.payloads(CONFIG)[0] == subscriber.payloads(CONFIG)[1]


def test_they_come_again_when_home_assistant_starts(sink, broker, subscribe):
    subscriber = subscribe(broker.port, "ha/device/+/config")
    ours = sink(prefix="ha")
    ours.publish(one_battery())
    wait_until(lambda: len(subscriber.messages) == 2)
    single.single("ha/status", "offline", hostname="127.0.0.1", port=broker.port)
    single.single("ha/status", "online", hostname="127.0.0.1", port=broker.port)
    wait_until(lambda: len(subscriber.messages) == 4, "the configurations again")


def test_values_follow_the_descriptions_soon_when_home_assistant_starts(sink, broker, subscribe):
    """Though they would be due in an hour."""
    descriptions = subscribe(broker.port, "ha/device/+/config")
    values = subscribe(broker.port, f"eflexbatteries/{SERIAL}")
    ours = sink(prefix="ha", interval=3600.0)

    def publish_until(condition):
        deadline = time.monotonic() + LONGEST_WAIT_S
        while not condition():
            ours.publish(one_battery())
            assert time.monotonic() < deadline
            time.sleep(0.5)

    publish_until(lambda: len(values.messages) >= 4)
    before = len(values.messages)
    single.single("ha/status", "online", hostname="127.0.0.1", port=broker.port)
    begun = time.monotonic()
    publish_until(lambda: len(values.messages) > before)
    assert time.monotonic() - begun < 10
    wait_until(lambda: len(descriptions.messages) == 4)


def test_a_silent_battery_is_not_described_again():
    cycle = decoded([*sent(1), *sent(2, battery_id="2211054F0002")])[0]
    discovery = Discovery(HomeAssistant(discovery=True), Mqtt())
    assert len(descriptions(discovery, cycle)) == 3
    discovery.connected()
    assert len(descriptions(discovery, cycle[:1])) == 2


def test_without_a_reading_nothing_is_described():
    assert described([]) == {}


def test_a_battery_with_new_software_is_described_again():
    discovery = Discovery(HomeAssistant(discovery=True), Mqtt())
    assert len(descriptions(discovery, one_battery())) == 2
    [found] = descriptions(discovery, decoded(sent(1, software_version=4007))[0]).values()
    assert found["device"]["sw_version"] == "4007"
    [found] = descriptions(discovery, decoded(sent(2, software_version=4007))[0]).values()
    assert found["device"]["name"] == "eFlex battery 2"


@pytest.mark.parametrize(("interval", "seconds"), [(0, 10), (2.5, 10), (10, 30), (60, 180)])
def test_a_value_expires_after_a_few_intervals(interval, seconds):
    for config in described(one_battery(), interval=interval).values():
        assert "expire_after" not in config
        for key, each in config["components"].items():
            if "state_topic" in each:
                # Retained; a problem or a counter lasts until there is another one.
                assert "expire_after" not in each
            elif len(each) > 1:
                assert each["expire_after"] == seconds
            if len(each) > 1 and key != "bridge":
                assert each["availability_topic"] == "eflexbatteries/status"


def test_the_bridge_tells_of_itself_even_when_it_is_away():
    bridge = described(one_battery())[BANK_CONFIG]["components"]["bridge"]
    assert bridge["device_class"] == "connectivity"
    assert not {"availability_topic", "expire_after"} & bridge.keys()


@pytest.mark.parametrize("stage", STAGES)
def test_every_field_of_a_stage_has_its_entities_or_is_in_the_device(stage):
    keys = {
        re.sub(r"_\d+$", "", key) if key.startswith(("cell_v", "temps")) else key
        for key in components(stage)
    }
    for key in (each.key for each in shown(stage)):
        if key not in ("battery_id", "software_version", "hardware_version"):
            assert key in keys, key


def test_what_is_guessed_or_without_a_unit_makes_no_statistics():
    shown = components("experimental")
    for each in FIELDS:
        if each.key in shown and (not each.unit or each.evidence == "hypothesis"):
            assert not {"state_class", "unit_of_measurement"} & shown[each.key].keys(), each.key
    assert "device_class" not in shown["lifetime_discharge_energy"]


def test_what_is_switched_on_at_first_makes_no_entry_in_activity_when_its_number_changes():
    """Home Assistant makes one for each change of a sensor without a unit and a state class."""
    for config in described(one_battery(), "experimental").values():
        for key, each in config["components"].items():
            quiet = {"unit_of_measurement", "state_class"} & each.keys()
            words = each["platform"] == "binary_sensor" or each.get("device_class") == "enum"
            assert quiet or words or each["enabled_by_default"] is False, key


def test_what_has_no_class_has_an_icon():
    for config in described(one_battery(), "experimental").values():
        for key, each in config["components"].items():
            assert {"device_class", "icon"} & each.keys(), key


def test_each_look_is_that_of_an_entity_and_has_no_needless_reason():
    found = described(one_battery(), "experimental")
    assert OF_BANK.keys() <= found[BANK_CONFIG]["components"].keys()
    assert OF_BATTERY.keys() <= found[CONFIG]["components"].keys()


def test_a_battery_keeps_the_ids_of_its_entities_when_it_gets_another_number():
    first, second = (described(decoded(sent(number))[0])[CONFIG] for number in (1, 2))
    assert first["device"]["name"] != second["device"]["name"]
    assert first["components"] == second["components"]
    soc = first["components"]["battery_soc"]
    assert soc["default_entity_id"] == f"sensor.eflex_{SERIAL.lower()}_soc"


def test_the_ids_of_the_bank_are_those_of_1_2_0():
    components = described(one_battery())[BANK_CONFIG]["components"]
    found = {key: each["default_entity_id"] for key, each in components.items()}
    assert found["battery_soc"] == "sensor.eflex_bank_soc"
    assert found["bridge"] == "binary_sensor.eflex_bank_bridge"
    assert found["time"] == "sensor.eflex_bank_last_heard"


def test_the_bank_links_to_the_page_and_names_its_version():
    device = described(one_battery(), page_url="http://192.0.2.7:8080")[BANK_CONFIG]["device"]
    assert device["configuration_url"] == "http://192.0.2.7:8080"
    assert device["sw_version"] == f"eflexcan2mqtt {__version__}"
    assert "configuration_url" not in described(one_battery())[BANK_CONFIG]["device"]


def test_all_devices_are_in_the_area():
    for config in described(one_battery(), area="Garage").values():
        assert config["device"]["suggested_area"] == "Garage"
    for config in described(one_battery()).values():
        assert "suggested_area" not in config["device"]


def test_no_template_can_say_nothing():
    """What is not there is None; an empty text would leave the old value."""
    for config in described(one_battery(), "experimental").values():
        for each in config["components"].values():
            if "value_template" in each and each.get("state_topic") != ATTENTION:
                assert each["value_template"].endswith("| default(none) }}")


@pytest.mark.parametrize(
    ("cells", "count", "off"), [("disabled", 16, 16), ("enabled", 16, 0), ("none", 0, 0)]
)
def test_the_cells_are_there_as_wanted(cells, count, off):
    found = [each for key, each in components(cells=cells).items() if "cell_voltages_" in key]
    assert len(found) == count
    assert sum(each.get("enabled_by_default") is False for each in found) == off
    assert [each["name"] for each in found] == [f"Cell {n} voltage" for n in range(1, count + 1)]
    assert all(each["entity_category"] == "diagnostic" for each in found)


def test_what_other_settings_would_show_is_taken_away():
    found = described(one_battery(), "documented", cells="none")[CONFIG]["components"]
    gone = {key: each for key, each in found.items() if len(each) == 1}
    assert gone["cell_voltages_1"] == {"platform": "sensor"}
    assert gone["charge_relay_status"] == {"platform": "binary_sensor"}
    assert "battery_soc" not in gone


TOPICS = st.text(st.sampled_from("aB1_-/ ü."), min_size=1, max_size=12)


@given(first=TOPICS, second=st.one_of(TOPICS, st.just(Mqtt.topic)))
def test_two_banks_with_different_topics_share_nothing(first, second):
    """Not even with the same batteries, as two bridges on one bus have them."""
    assume(first != second)

    def names(topic):
        found = described(one_battery(), topic=topic)
        ids = {
            each["unique_id"]
            for config in found.values()
            for each in config["components"].values()
            if "unique_id" in each
        }
        devices = {config["device"]["identifiers"][0] for config in found.values()}
        for where in found:
            assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", where)
        return ids | devices | found.keys()

    assert not names(first) & names(second)


def test_forget_clears_what_the_broker_keeps(sink, broker, subscribe, run, tmp_path):
    subscriber = subscribe(broker.port, "homeassistant/#")
    sink().publish(one_battery())
    wait_until(lambda: len(subscriber.messages) == 2)
    done = run("-c", mqtt_ini(tmp_path, broker.port), "--forget", SERIAL)
    assert done.returncode == 0
    assert f"forgot {SERIAL}" in done.stdout
    late = subscribe(broker.port, "homeassistant/#")
    wait_until(lambda: late.messages)
    assert [topic for topic, _, _ in late.messages] == [BANK_CONFIG]


def test_forget_clears_all_of_the_bank():
    discovery = Discovery(HomeAssistant(discovery=True), Mqtt())
    topics = [each.topic for each in discovery.forgotten("bank")]
    assert topics == [BANK_CONFIG, "eflexbatteries/bank", ATTENTION]


def test_descriptions_are_kept_and_states_are_not():
    discovery = Discovery(HomeAssistant(discovery=True), Mqtt())
    assert all(each.keep and each.retain and each.qos for each in discovery.due(one_battery(), 0.0))
    for each in discovery.states(one_battery(), 0.0):
        assert (each.keep, each.retain, each.qos) == (False, False, 0)


def test_forget_without_a_broker_says_so(run, tmp_path):
    done = run("-c", mqtt_ini(tmp_path, 1), "--forget", SERIAL)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "127.0.0.1:1: Connection refused\n"


@pytest.mark.parametrize("name", ["", "#", "../x", "12", "2211054F99999999"])
def test_forget_wants_a_serial_number(run, name):
    done = run("--forget", name)
    assert done.returncode == 2
    assert "expected a serial number" in done.stderr


def test_new_ids_have_the_serial_number_and_the_place():
    shown = components(cells="enabled")
    ids = {
        key: shown[key]["default_entity_id"] for key in ("cell_voltages_7", "temps_3", "problem")
    }
    battery = f"eflex_{SERIAL.lower()}"
    assert ids == {
        "cell_voltages_7": f"sensor.{battery}_cell_7_voltage",
        "temps_3": f"sensor.{battery}_probe_3_temperature",
        "problem": f"binary_sensor.{battery}_problem",
    }
