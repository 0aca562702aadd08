"""With ``[mqtt] values``, each value of the bank has a topic of its own."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from tests.support.bank_on_a_pipe import BATTERIES, Fed
from tests.support.broker import wait_until
from tests.support.program import mqtt_ini

PAGE = (Path(__file__).parents[3] / "docs" / "values.md").read_text()


@pytest.fixture
def fed(broker, tmp_path):
    """A bank that says the same each second: a value fits the array, of whatever cycle it is."""
    bank = Fed(mqtt_ini(tmp_path, broker.port, values="yes", publish_interval="3600"))
    yield bank
    bank.kill()


def test_each_value_of_the_bank_comes_at_least_every_five_seconds_on_its_topic(
    fed, broker, subscribe
):
    subscriber = subscribe(broker.port)
    fed.start()
    wait_until(lambda: subscriber.payloads("eflexbatteries/bank/soc"))
    begun = time.monotonic()
    wait_until(lambda: len(subscriber.payloads("eflexbatteries/bank/soc")) >= 4)
    assert time.monotonic() - begun < 15
    wait_until(subscriber.payloads)
    by_topic = {}
    for topic, payload, retained in subscriber.messages:
        if topic.startswith("eflexbatteries/bank/"):
            assert not retained
            by_topic.setdefault(topic.rpartition("/")[2], []).append(json.loads(payload))
    assert by_topic.keys() == set(re.findall(r"^\| `<topic>/bank/(\w+)` \|", PAGE, re.MULTILINE))
    assert by_topic.keys() == {"soc", "voltage", "current", "power", "charge_current_limit"}
    [array] = [json.loads(each) for each in subscriber.payloads()]
    assert by_topic["voltage"][0] == round(sum(b["battery_voltage"] for b in array) / BATTERIES, 1)
    assert by_topic["current"][0] == round(sum(b["battery_current"] for b in array), 1)
    assert by_topic["soc"][0] == round(sum(b["battery_soc"] for b in array) / BATTERIES, 1)
    power = sum(b["battery_voltage"] * b["battery_current"] for b in array)
    assert abs(by_topic["power"][0] - power) < 1


def test_home_assistant_and_values_are_spoken_to_side_by_side(start, broker, subscribe, tmp_path):
    ini = mqtt_ini(tmp_path, broker.port, values="yes")
    ini.write_text(ini.read_text() + "[homeassistant]\ndiscovery = yes\n")
    subscriber = subscribe(broker.port, "#")
    start("-c", ini, "--input", "simulator:2")
    wait_until(lambda: subscriber.payloads("eflexbatteries/bank/power"))
    wait_until(lambda: subscriber.payloads("eflexbatteries/bank"))

    def configurations():
        return [topic for topic, *_ in subscriber.messages if topic.endswith("/config")]

    wait_until(lambda: len(configurations()) >= 3)  # of QoS 2: a value may overtake one
    assert len(configurations()) == 3
