"""What the descriptions for Home Assistant say, and when they are due; no broker is asked."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eflexcan2mqtt import __version__
from eflexcan2mqtt.protocol.fields import FIELDS, STAGES, shown
from eflexcan2mqtt.settings.schema import HomeAssistant, Mqtt
from eflexcan2mqtt.sinks.homeassistant.discovery import Discovery
from eflexcan2mqtt.sinks.homeassistant.looks import OF_BANK, OF_BATTERY
from tests.support.bank import decoded, sent

from .described import (
    ATTENTION,
    BANK_CONFIG,
    CONFIG,
    SERIAL,
    components,
    described,
    descriptions,
    one_battery,
)


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


def test_forget_clears_all_of_the_bank():
    discovery = Discovery(HomeAssistant(discovery=True), Mqtt())
    topics = [each.topic for each in discovery.forgotten("bank")]
    assert topics == [BANK_CONFIG, "eflexbatteries/bank", ATTENTION]


def test_descriptions_are_kept_and_states_are_not():
    discovery = Discovery(HomeAssistant(discovery=True), Mqtt())
    assert all(each.keep and each.retain and each.qos for each in discovery.due(one_battery(), 0.0))
    for each in discovery.states(one_battery(), 0.0):
        assert (each.keep, each.retain, each.qos) == (False, False, 0)


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
