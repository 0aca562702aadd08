"""An owner's Home Assistant shows the bank, through whatever happens to it. In this order."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import paho.mqtt.publish as single
import pytest

from tests.support.bank_on_a_pipe import BATTERIES, Fed, readings
from tests.support.broker import Broker, Subscriber
from tests.support.program import MAIN, mqtt_ini

from .asked import eventually, registry
from .expected import BATTERY, MOVING, SWITCHED_OFF, SWITCHED_OFF_OF_BANK, AtLeast, bank, energy
from .hass import Hass
from .websocket import ask_all


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Broker, bridge and Home Assistant, as an owner has them."""
    folder = tmp_path_factory.mktemp("home")
    broker = Broker(folder, "allow_anonymous true", "max_queued_messages 0").start()
    ini = mqtt_ini(folder, broker.port, fields="experimental")
    ini.write_text(
        ini.read_text() + "[homeassistant]\ndiscovery = yes\ncells = enabled\narea = Garage\n"
    )
    hass = Hass(folder / "hass")
    fed = Fed(ini)
    found = SimpleNamespace(hass=hass, fed=fed, broker=broker, ini=ini, said=readings(), ids={})
    try:
        retain_energy(found)
        hass.start()
        hass.add_mqtt(broker.port)
        fed.start()
        yield found
    finally:
        fed.kill()
        hass.stop()
        broker.kill()


def retain_energy(home):
    """Say what the counters are, as the broker keeps it."""
    said, port = json.dumps(energy(home.said)), home.broker.port
    single.single("eflexbatteries/energy", said, retain=True, hostname="127.0.0.1", port=port)


def entity(home, name, key):
    """The id of an entity of the bank, or of a battery by its number."""
    unique = unique_id(home, name, key)
    if unique not in home.ids:
        home.ids = {unique: each["entity_id"] for unique, each in registry(home.hass).items()}
    return home.ids.get(unique)


def unique_id(home, name, key):
    return f"eflex_{name if name == 'bank' else home.said[name - 1]['battery_id']}_{key}"


def same(state, value):
    """Whether a state shows a value; None is shown as unknown."""
    if value is None:
        return state == "unknown"
    if isinstance(value, str) or state == "unknown":
        return state == value
    if isinstance(value, AtLeast):
        return value.is_shown(state)
    return float(state) == value


def entities(home):
    """All that is to be there: value, unit and class by device and key."""
    whole = {("bank", key): each for key, each in bank(home.said).items()}
    return whole | {
        (number, key): (each.value(reading), *each[1:])
        for number, reading in enumerate(home.said, 1)
        for key, each in BATTERY.items()
    }


def wrong(home, off=frozenset()):
    """What is not as it was sent, of what is not ``off``."""
    found = []
    states = home.hass.states()
    for (name, key), (value, unit, device_class) in entities(home).items():
        if unique_id(home, name, key) in off:
            continue
        state = states.get(entity(home, name, key), {"state": "nothing", "attributes": {}})
        shown = state["attributes"]
        if state["state"] in ("nothing", "unavailable") or not same(state["state"], value):
            found.append(f"{name} {key}: {state['state']} instead of {value}")
        elif (shown.get("unit_of_measurement"), shown.get("device_class")) != (unit, device_class):
            found.append(f"{name} {key}: {shown}")
    return found


def switched_off(home):
    """The unique ids of what a new installation does not show."""
    of_batteries = {
        unique_id(home, number, key) for number in range(1, BATTERIES + 1) for key in SWITCHED_OFF
    }
    return of_batteries | {unique_id(home, "bank", key) for key in SWITCHED_OFF_OF_BANK}


def soc(home, number):
    return home.hass.state(entity(home, number, "battery_soc"))


def of_battery(home, number):
    """The states of the entities of a battery."""
    serial = home.said[number - 1]["battery_id"]
    ids = {each["entity_id"] for name, each in registry(home.hass).items() if f"_{serial}_" in name}
    return [each["state"] for name, each in home.hass.states().items() if name in ids]


def all_right(home):
    """Whether every entity shows what was sent."""
    return eventually(lambda: not wrong(home), "all entities as they were sent")


@pytest.mark.short
def test_a_new_installation_shows_what_is_wanted_and_nothing_else(home):
    off = switched_off(home)
    try:
        eventually(lambda: not wrong(home, off), "all entities as they were sent")
    finally:
        print("\n".join(wrong(home, off)[:20]))
    there = registry(home.hass)
    assert {name for name, each in there.items() if each["disabled_by"]} == off
    wanted = {unique_id(home, *place) for place in entities(home)}
    moving = {unique_id(home, number, key) for number in range(1, 16) for key in MOVING}
    assert there.keys() == wanted | moving | {unique_id(home, "bank", "time")}
    print(f"{len(there)} entities, {len(there) - len(off)} of them are shown")


def test_the_ids_of_new_entities_are_those_of_the_documentation(home):
    """Before 2025.10, Home Assistant makes them from the name of the device."""
    numbered = home.hass.version < (2025, 10)
    serial = home.said[6]["battery_id"].lower()
    assert entity(home, 7, "battery_soc") == (
        "sensor.eflex_battery_7_soc" if numbered else f"sensor.eflex_{serial}_soc"
    )
    assert entity(home, "bank", "power") == "sensor.eflex_bank_power"
    assert entity(home, "bank", "attention") == "sensor.eflex_bank_attention"


@pytest.mark.short
def test_an_owner_who_enables_everything_sees_everything(home):
    change = "config/entity_registry/update"
    ids = [each["entity_id"] for each in registry(home.hass).values() if each["disabled_by"]]
    ask_all(home.hass, [{"type": change, "entity_id": each, "disabled_by": None} for each in ids])
    try:
        all_right(home)
    finally:
        print("\n".join(wrong(home)[:20]))


def test_a_level_3_warning_is_no_problem_and_levels_1_and_2_are(home):
    problems = {
        number
        for number in range(1, BATTERIES + 1)
        if home.hass.state(entity(home, number, "problem")) == "on"
    }
    assert problems == {2, 4}
    assert home.hass.state(entity(home, 3, "alarm_status")) == "3"


def test_the_devices_are_those_of_the_batteries_behind_the_bank(home):
    rendered = home.hass.render(
        f"{{% set d = device_id('{entity(home, 7, 'battery_soc')}') %}}"
        "{% for a in ['manufacturer', 'model', 'serial_number', 'sw_version', 'hw_version'] %}"
        "{{ device_attr(d, a) }}|{% endfor %}"
        "{{ device_attr(d, 'via_device_id') == device_id('sensor.eflex_bank_soc') }}"
    )
    serial = home.said[6]["battery_id"]
    assert rendered == f"Fortress Power|eFlex 5.4|{serial}|4006|a|True"
    for place in (("bank", "power"), (7, "battery_soc")):
        assert home.hass.render(f"{{{{ area_name('{entity(home, *place)}') }}}}") == "Garage"


def test_a_silent_battery_becomes_unavailable_and_comes_back(home):
    home.fed.silent = {5}
    try:
        # Each entity has a timer of its own; problem and counters do not expire.
        lasting = 1 + 3
        eventually(
            # The others are away as well while Home Assistant reloads its integration.
            lambda: (
                of_battery(home, 5).count("unavailable") == len(BATTERY) + len(MOVING) - lasting
                and soc(home, 6) != "unavailable"
            ),
            "battery 5 unavailable, and no other",
        )
        eventually(
            lambda: home.hass.state(entity(home, 5, "problem")) == "on", "battery 5 is a problem"
        )
        present = home.hass.state("sensor.eflex_bank_batteries_present")
    finally:
        home.fed.silent = set()
    assert present == "14"
    all_right(home)


def test_a_killed_bridge_makes_all_unavailable_until_it_is_back(home):
    home.fed.kill()
    eventually(
        lambda: {each for n in range(1, 16) for each in of_battery(home, n)} == {"unavailable"},
        "all unavailable",
    )
    assert home.hass.state("sensor.eflex_bank_attention") == "unavailable"
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


@pytest.mark.short
def test_all_is_back_after_a_restart_of_home_assistant(home):
    home.hass.stop()
    home.hass.start()
    all_right(home)


@pytest.mark.short
def test_a_battery_that_left_for_good_is_forgotten(home):
    home.fed.silent = {15}
    eventually(lambda: soc(home, 15) == "unavailable", "battery 15 unavailable")
    command = [sys.executable, MAIN, "-c", home.ini, "--forget", home.said[14]["battery_id"]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("forgot") == 1
    eventually(lambda: not of_battery(home, 15), "nothing of battery 15")


def test_cells_that_are_not_wanted_any_more_go(home):
    home.fed.kill()
    text = home.ini.read_text()
    home.ini.write_text(text.replace("cells = enabled", "cells = none"))
    home.fed.start()
    eventually(
        lambda: not [name for name in registry(home.hass) if "_cell_voltages_" in name], "no cells"
    )
    eventually(lambda: soc(home, 1) not in (None, "unavailable"), "battery 1")


@pytest.mark.short
def test_home_assistant_had_nothing_to_complain_of(home):
    """Apart from the broker that was restarted under it, and from itself.

    When a device goes that has entities switched off, Home Assistant clears the device's topic
    once for each of them, hears that, and finds nothing left to clean up.
    """
    complaints = [
        line
        for line in home.hass.logged()
        if re.search(r" (WARNING|ERROR|CRITICAL) ", line) and "mqtt" in line.lower()
    ]
    print("\n".join(complaints))
    forgotten = home.said[14]["battery_id"]
    known = re.compile(
        "Disconnected from MQTT server|Failed to connect to MQTT server"
        "|Error returned from MQTT server: The connection was lost"
        f"|No device components to cleanup for eflex_{forgotten},"
    )
    assert [line for line in complaints if not known.search(line)] == []
