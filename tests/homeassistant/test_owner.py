"""What an owner makes of the entities: an upgrade, energy, a dashboard, a message on the phone."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import paho.mqtt.publish as single
import pytest
import yaml

from tests.support.bank_on_a_pipe import BATTERIES, Fed, readings
from tests.support.broker import Broker
from tests.support.program import mqtt_ini

from .asked import eventually, registry
from .expected import BANK_ENERGY, energy
from .hass import Hass
from .phone import Phone
from .websocket import ask

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
OLD = json.loads((HERE / "descriptions_1_2_0.json").read_text())
"""What 1.2.0 left at a broker, of the bank and the first battery, with all fields."""

STATISTICS_S = 420.0
"""Home Assistant makes statistics every five minutes."""

INTEGRATIONS = ("frontend", "history", "recorder", "energy", "mobile_app")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Home Assistant as 1.2.0 left it, and then the bridge of today."""
    folder = tmp_path_factory.mktemp("owner")
    broker = Broker(folder, "allow_anonymous true", "max_queued_messages 0").start()
    ini = mqtt_ini(folder, broker.port, fields="experimental")
    ini.write_text(ini.read_text() + "[homeassistant]\ndiscovery = yes\ncells = enabled\n")
    hass = Hass(folder / "hass", *INTEGRATIONS)
    with (hass.folder / "configuration.yaml").open("a") as configuration:
        configuration.write("automation: !include automations.yaml\n")
    (hass.folder / "automations.yaml").write_text("[]\n")
    blueprints = hass.folder / "blueprints/automation/eflex"
    blueprints.mkdir(parents=True)
    shutil.copy(EXAMPLES / "homeassistant-blueprint.yaml", blueprints / "attention.yaml")
    fed = Fed(ini)
    try:
        for topic, description in OLD.items():
            retain(broker, topic, description)
        hass.start()
        hass.add_mqtt(broker.port)
        count = sum(
            len(each) > 1 for content in OLD.values() for each in content["components"].values()
        )
        eventually(lambda: len(registry(hass)) == count, "the entities of 1.2.0")
        old = registry(hass)
        retain(broker, "eflexbatteries/energy", energy(readings()))
        fed.start()
        eventually(lambda: hass.state("sensor.eflex_bank_soc") not in (None, "unavailable"), "SOC")
        yield SimpleNamespace(hass=hass, fed=fed, broker=broker, old=old)
    finally:
        fed.kill()
        hass.stop()
        broker.kill()


def retain(broker, topic, content):
    payload = json.dumps(content)
    single.single(topic, payload, retain=True, hostname="127.0.0.1", port=broker.port)


def all_shown(hass):
    """Whether each battery has a value; the first one as 1.2.0 named it."""
    found = registry(hass)
    ids = [f"eflex_{each['battery_id']}_battery_soc" for each in readings()]
    states = hass.states()
    return all(
        each in found and states.get(found[each]["entity_id"], {}).get("state") == soc
        for each, soc in zip(ids, [str(each["battery_soc"]) for each in readings()], strict=True)
    )


def test_an_upgrade_from_1_2_0_keeps_each_entity_once(home):
    eventually(lambda: all_shown(home.hass), "all batteries")
    now = registry(home.hass)
    for unique, each in home.old.items():
        assert unique in now, unique
        for kept in ("entity_id", "disabled_by", "device_id"):
            assert now[unique][kept] == each[kept], unique
    ids = {each["entity_id"] for each in now.values()}
    assert not [each for each in ids if each.endswith("_2") and each[:-2] in ids]
    assert "sensor.eflex_battery_1_soc" in ids


def dashboard():
    return yaml.safe_load((EXAMPLES / "homeassistant-dashboard.yaml").read_text())


def cards(config):
    """All cards of a dashboard."""
    for view in config["views"]:
        for section in view.get("sections", [view]):
            yield from section["cards"]


def test_every_entity_of_the_dashboard_is_there(home):
    ask(
        home.hass,
        "lovelace/dashboards/create",
        **{"url_path": "eflex-bank", "title": "Batteries", "mode": "storage"},
    )
    ask(home.hass, "lovelace/config/save", url_path="eflex-bank", config=dashboard())
    config = ask(home.hass, "lovelace/config", url_path="eflex-bank")
    names = set(re.findall(r"(?:binary_)?sensor\.eflex_bank\w+", json.dumps(config)))
    assert len(names) >= 10

    def silent():
        states = home.hass.states()
        nothing = (None, "unknown", "unavailable")
        return [name for name in names if states.get(name, {}).get("state") in nothing]

    try:
        eventually(lambda: not silent(), "a state of each entity")
    finally:
        print(silent())


def test_the_tables_of_the_dashboard_have_each_battery_in_its_order(home):
    contents = [each["content"] for each in cards(dashboard()) if each["type"] == "markdown"]
    cell = "sensor.eflex_battery_15_cell_1_voltage"
    if home.hass.version >= (2025, 10):
        cell = f"sensor.eflex_{readings()[14]['battery_id'].lower()}_cell_1_voltage"
    try:
        eventually(lambda: home.hass.state(cell) not in (None, "unavailable"), "cells")
    finally:
        print(
            {name: each["state"] for name, each in home.hass.states().items() if "cell_1_" in name}
        )
    attention, batteries, cells = (home.hass.render(each) for each in contents)
    print(batteries, cells, sep="\n")
    assert "Battery 4: alarm level 1" in attention
    names = [f"eFlex battery {number}" for number in range(1, BATTERIES + 1)]
    # 1.2.0 had the cells of the first battery switched off, and so they stay.
    for table, shown, columns in ((batteries, names, 7), (cells, names[1:], 17)):
        head, _, *rows = re.findall(r"^\|(.*)\|$", table, re.MULTILINE)
        assert [row.split("|")[0].strip() for row in rows] == shown
        assert {row.count("|") + 1 for row in (head, *rows)} == {columns}
    said = readings()[6]
    row = next(line for line in batteries.splitlines() if "battery 7 " in line)
    assert f"| {said['battery_soc']}" in row
    assert f"{said['battery_voltage']} V" in row
    assert "⚠️" not in row
    assert "⚠️" in next(line for line in batteries.splitlines() if "battery 4 " in line)
    row = next(line for line in cells.splitlines() if "battery 7 " in line)
    assert re.findall(r"\d{4}", row) == [str(mv) for mv in said["cell_voltages"]]


@pytest.fixture
def phone(home):
    made = Phone(home.hass)
    yield made
    made.close()


def test_the_blueprint_tells_a_phone_once_when_something_begins_and_once_when_it_ends(home, phone):
    home.hass.post(
        "/api/config/automation/config/eflex",
        {
            "alias": "Batteries",
            "use_blueprint": {
                "path": "eflex/attention.yaml",
                "input": {"phone": phone.device_id, "tell_end": True},
            },
        },
    )
    eventually(lambda: home.hass.state("automation.batteries") == "on", "the automation")

    def about_7():
        """Others need attention as well, and come again when Home Assistant reloads its parts."""
        lines = [line for each in phone.messages() for line in each.splitlines()]
        return [line for line in lines if "Battery 7:" in line]

    home.fed.change(7, charge_relay_status="Break")
    eventually(about_7, "the message")
    assert about_7() == ["Battery 7: the charge relay is open"]
    assert phone.got[-1]["title"] == "The batteries need attention"
    attributes = home.hass.states()["sensor.eflex_bank_attention"]["attributes"]
    assert "Battery 7: the charge relay is open" in attributes["sentences"]
    home.fed.change(7)
    eventually(lambda: len(about_7()) > 1, "the message that it is over")
    time.sleep(5)
    assert about_7()[1:] == ["Over: Battery 7: the charge relay is open"]


def test_attention_and_values_are_shown_after_a_restart(home):
    home.hass.stop()
    home.hass.start()
    eventually(lambda: home.hass.state("sensor.eflex_bank_attention") == "problem", "attention")
    eventually(
        lambda: home.hass.state("sensor.eflex_bank_soc") not in (None, "unavailable"), "values"
    )


def test_the_energy_dashboard_takes_the_bank(home):
    counted = BANK_ENERGY["energy_in"]
    eventually(
        lambda: counted.is_shown(home.hass.state("sensor.eflex_bank_energy_in")), "the counter"
    )
    source = {
        "type": "battery",
        "stat_energy_from": "sensor.eflex_bank_energy_out",
        "stat_energy_to": "sensor.eflex_bank_energy_in",
    }
    if home.hass.version >= (2026, 1):
        source["power_config"] = {"stat_rate_inverted": "sensor.eflex_bank_power"}
    if home.hass.version >= (2026, 11):
        source |= {"stat_soc": "sensor.eflex_bank_soc", "capacity": 75.6, "name": "eFlex"}
    saved = ask(home.hass, "energy/save_prefs", energy_sources=[source])
    assert source.items() <= saved["energy_sources"][0].items()
    # The first statistics are made in the next five minutes.
    eventually(
        lambda: ask(home.hass, "energy/validate")["energy_sources"] == [[]],
        "an energy dashboard without a complaint",
        within_s=STATISTICS_S,
    )
