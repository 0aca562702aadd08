"""The statistics of energy, which cannot be repaired, survive whatever happens to the bridge."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from tests.support.broker import Broker
from tests.support.program import mqtt_ini

from .asked import eventually
from .hass import Hass
from .moving_bank import MovingBank
from .websocket import ask

SLOT_S = 300
"""Home Assistant makes statistics of five minutes, and of hours from these."""

MADE_S = 60.0
"""So long after the end of a slot its statistics are there."""

IN, OUT = "sensor.eflex_bank_energy_in", "sensor.eflex_bank_energy_out"


@pytest.fixture
def home(tmp_path):
    """Broker, bridge with a storage folder, a bank under load, and Home Assistant."""
    broker = Broker(tmp_path, "allow_anonymous true").start()
    ini = mqtt_ini(tmp_path, broker.port)
    kept = f"[homeassistant]\ndiscovery = yes\n[storage]\ndirectory = {tmp_path}\n"
    ini.write_text(ini.read_text() + kept)
    hass = Hass(tmp_path / "hass", "history", "recorder")
    made = []

    def bridge():
        made.append(MovingBank(ini, batteries=3))
        made[-1].load = True
        return made[-1]

    try:
        hass.start()
        hass.add_mqtt(broker.port)
        yield SimpleNamespace(hass=hass, bridge=bridge)
    finally:
        for each in made:
            each.stop()
        hass.stop()
        broker.kill()


def counted(hass, entity):
    """What a counter shows."""
    state = hass.state(entity)
    return 0.0 if state in (None, "unknown", "unavailable") else float(state)


def next_slot():
    """Wait until another one begins."""
    time.sleep(SLOT_S - time.time() % SLOT_S + 5)


def test_no_slot_is_negative_over_restarts_in_two_of_them(home):
    begun = time.time()
    bridge = home.bridge()
    eventually(lambda: counted(home.hass, OUT) > 0, "energy")
    bridge.kill()
    bridge = home.bridge()
    next_slot()
    before = counted(home.hass, OUT)
    bridge.kill()
    bridge = home.bridge()
    eventually(lambda: counted(home.hass, OUT) > before, "energy after a kill")
    bridge.stop()
    home.bridge()
    next_slot()

    def slots():
        start = datetime.fromtimestamp(begun - SLOT_S, timezone.utc).isoformat()
        found = ask(
            home.hass,
            "recorder/statistics_during_period",
            **{"start_time": start, "statistic_ids": [IN, OUT], "period": "5minute"},
            types=["change", "state", "sum"],
        )
        return found if len(found.get(OUT, [])) >= 2 and IN in found else None

    found = eventually(slots, "the statistics of two slots", within_s=MADE_S)
    print(found)
    for each in (*found[IN], *found[OUT]):
        assert each["change"] >= 0
    assert found[OUT][-1]["sum"] == pytest.approx(found[OUT][-1]["state"], abs=0.05)
    assert found[OUT][-1]["change"] > 0
    assert found[IN][-1]["sum"] == 0
