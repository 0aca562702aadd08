"""An owner's Home Assistant shows the bank, through whatever happens to it. In this order."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from tests.support.bank_on_a_pipe import BATTERIES, Fed, readings
from tests.support.broker import Broker, Subscriber
from tests.support.program import MAIN, mqtt_ini

from .expected import BATTERY, SWITCHED_OFF, bank
from .hass import Hass

SOON_S = 60.0

SOC = "sensor.eflex_battery_{}_soc"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Broker, bridge and Home Assistant, as an owner has them."""
    folder = tmp_path_factory.mktemp("home")
    broker = Broker(folder, "allow_anonymous true", "max_queued_messages 0").start()
    ini = mqtt_ini(folder, broker.port, fields="experimental")
    ini.write_text(ini.read_text() + "[homeassistant]\ndiscovery = yes\ncells = enabled\n")
    hass = Hass(folder / "hass")
    fed = Fed(ini)
    try:
        hass.start()
        hass.add_mqtt(broker.port)
        fed.start()
        yield SimpleNamespace(hass=hass, fed=fed, broker=broker, ini=ini, said=readings())
    finally:
        fed.kill()
        hass.stop()
        broker.kill()


def eventually(check, what):
    """Ask Home Assistant until it says so; how long that took is printed."""
    begun = time.monotonic()
    while not (found := check()):
        assert time.monotonic() - begun < SOON_S, f"waited {SOON_S:g} s for {what}"
        time.sleep(0.5)
    print(f"{what}: {time.monotonic() - begun:.1f} s")
    return found


def ours(states):
    return {name for name in states if re.match(r"(binary_)?sensor\.eflex_", name)}


def same(state, value):
    """Whether a state shows a value; None is shown as unknown."""
    if value is None:
        return state == "unknown"
    return state == value if isinstance(value, str) else float(state) == value


def entities(readings):
    """All that is to be there: value, unit and class by entity id."""
    return bank(readings) | {
        name.format(f"eflex_battery_{number}"): (each.value(reading), *each[1:])
        for number, reading in enumerate(readings, 1)
        for name, each in BATTERY.items()
    }


def wrong(states, readings):
    """What is not as it was sent."""
    found = []
    for name, (value, unit, device_class) in entities(readings).items():
        state = states.get(name, {"state": "nothing", "attributes": {}})
        shown = state["attributes"]
        if state["state"] in ("nothing", "unavailable") or not same(state["state"], value):
            found.append(f"{name}: {state['state']} instead of {value}")
        elif (shown.get("unit_of_measurement"), shown.get("device_class")) != (unit, device_class):
            found.append(f"{name}: {shown}")
    return found


def all_right(home):
    """Whether every entity shows what was sent."""
    return eventually(
        lambda: not wrong(home.hass.states(), home.said), "all entities as they were sent"
    )


def test_every_entity_of_15_batteries_and_the_bank_is_there_with_state_unit_and_class(home):
    try:
        all_right(home)
    finally:
        print("\n".join(wrong(home.hass.states(), home.said)[:20]))
    assert ours(home.hass.states()) == set(entities(home.said))
    print(f"{len(entities(home.said))} entities")


def test_a_level_3_warning_is_no_problem_and_levels_1_and_2_are(home):
    states = home.hass.states()
    problems = {
        number
        for number in range(1, BATTERIES + 1)
        if states[f"binary_sensor.eflex_battery_{number}_problem"]["state"] == "on"
    }
    assert problems == {2, 4}
    assert states["sensor.eflex_battery_3_alarm_status"]["state"] == "3"


def test_the_devices_are_those_of_the_batteries_behind_the_bank(home):
    of_battery = home.hass.render(
        "{% set d = device_id('sensor.eflex_battery_7_soc') %}"
        "{% for a in ['manufacturer', 'model', 'serial_number', 'sw_version', 'hw_version'] %}"
        "{{ device_attr(d, a) }}|{% endfor %}"
        "{{ device_attr(d, 'via_device_id') == device_id('sensor.eflex_bank_soc') }}"
    )
    serial = home.said[6]["battery_id"]
    assert of_battery == f"Fortress Power|eFlex 5.4|{serial}|4006|a|True"


def test_a_silent_battery_becomes_unavailable_and_comes_back(home):
    home.fed.silent = {5}
    try:
        # Each entity has a timer of its own.
        eventually(
            lambda: states_of_battery_5(home) == ["unavailable"] * len(BATTERY),
            "battery 5 unavailable",
        )
        states = home.hass.states()
    finally:
        home.fed.silent = set()
    assert states[SOC.format(6)]["state"] != "unavailable"
    assert states["sensor.eflex_bank_batteries_present"]["state"] == "14"
    all_right(home)


def states_of_battery_5(home):
    states = home.hass.states().items()
    return [each["state"] for name, each in states if ".eflex_battery_5_" in name]


def test_a_killed_bridge_makes_all_unavailable_until_it_is_back(home):
    home.fed.kill()
    eventually(
        lambda: (
            {each["state"] for name, each in home.hass.states().items() if "eflex_battery_" in name}
            == {"unavailable"}
        ),
        "all unavailable",
    )
    assert home.hass.state("binary_sensor.eflex_bank_bridge") == "off"
    home.fed.start()
    all_right(home)


def test_a_broker_that_forgets_everything_is_told_again(home):
    home.broker.kill()
    home.broker.start()
    subscriber = Subscriber(home.broker.port, "homeassistant/device/+/config")
    try:
        eventually(lambda: len(subscriber.messages) == BATTERIES + 1, "16 configurations")
    finally:
        subscriber.close()
    all_right(home)


def test_all_is_back_after_a_restart_of_home_assistant(home):
    home.hass.stop()
    registry = home.hass.stored("core.entity_registry")["entities"]
    off = {each["entity_id"] for each in registry if each["disabled_by"] == "integration"}
    assert off == {
        name.format(f"eflex_battery_{number}")
        for number in range(1, BATTERIES + 1)
        for name in SWITCHED_OFF
    } | {"sensor.eflex_bank_last_heard"}
    home.hass.start()
    all_right(home)


def test_a_battery_that_left_for_good_is_forgotten(home):
    home.fed.silent = {15}
    eventually(lambda: home.hass.state(SOC.format(15)) == "unavailable", "battery 15 unavailable")
    command = [sys.executable, MAIN, "-c", home.ini, "--forget", home.said[14]["battery_id"]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("forgot") == 1
    eventually(
        lambda: not [name for name in home.hass.states() if "eflex_battery_15_" in name],
        "nothing of battery 15",
    )


def test_cells_that_are_not_wanted_any_more_go(home):
    home.fed.kill()
    text = home.ini.read_text()
    home.ini.write_text(text.replace("cells = enabled", "cells = none"))
    home.fed.start()
    eventually(
        lambda: not [name for name in home.hass.states() if re.search(r"_cell_\d+_voltage", name)],
        "no cells",
    )
    eventually(lambda: home.hass.state(SOC.format(1)) not in (None, "unavailable"), "battery 1")


def test_home_assistant_had_nothing_to_complain_of(home):
    """Apart from the broker that was restarted under it, and from itself.

    When a device goes that has entities switched off, Home Assistant clears the device's topic
    once for each of them, hears that, and finds nothing left to clean up.
    """
    complaints = [
        line
        for line in home.hass.log.read_text().splitlines()
        if re.search(r" (WARNING|ERROR|CRITICAL) ", line) and "mqtt" in line.lower()
    ]
    print("\n".join(complaints))
    forgotten = home.said[14]["battery_id"]
    known = re.compile(
        "Disconnected from MQTT server|Failed to connect to MQTT server"
        f"|No device components to cleanup for eflex_{forgotten},"
    )
    assert [line for line in complaints if not known.search(line)] == []
