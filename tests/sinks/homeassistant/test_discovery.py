"""What Home Assistant receives, over a real mosquitto; make ha-test asks what it makes of it."""

from __future__ import annotations

import json
import time

import paho.mqtt.publish as single
import pytest

from eflexcan2mqtt.protocol.array import array_of
from eflexcan2mqtt.settings.schema import HomeAssistant, Mqtt
from eflexcan2mqtt.sinks.homeassistant.discovery import Discovery
from eflexcan2mqtt.sinks.mqtt.sink import MqttSink
from tests.support.broker import LONGEST_WAIT_S, wait_until
from tests.support.program import mqtt_ini

from .described import BANK_CONFIG, CONFIG, SERIAL, one_battery


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
    """With the next array, though they would be due in an hour."""
    subscriber = subscribe(broker.port, "#")
    config, values = f"ha/device/eflex_{SERIAL}/config", f"eflexbatteries/{SERIAL}"
    ours = sink(prefix="ha", interval=3600.0)

    def publish_until(condition):
        deadline = time.monotonic() + LONGEST_WAIT_S
        while not condition():
            ours.publish(one_battery())
            assert time.monotonic() < deadline
            time.sleep(0.5)

    publish_until(lambda: len(subscriber.payloads(values)) >= 4)
    before = len(subscriber.messages)
    single.single("ha/status", "online", hostname="127.0.0.1", port=broker.port)
    publish_until(lambda: len(subscriber.payloads(values)) > 4)
    topics = [topic for topic, *_ in subscriber.messages[before:]]
    behind = topics[topics.index(config) : topics.index(values)]
    assert behind.count("eflexbatteries") <= 1


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


def test_forget_without_a_broker_says_so(run, tmp_path):
    done = run("-c", mqtt_ini(tmp_path, 1), "--forget", SERIAL)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "127.0.0.1:1: Connection refused\n"


@pytest.mark.parametrize("name", ["", "#", "../x", "12", "2211054F99999999"])
def test_forget_wants_a_serial_number(run, name):
    done = run("--forget", name)
    assert done.returncode == 2
    assert "expected a serial number" in done.stderr
