"""Once a day the log says how the batteries' own counter of energy compares with ours."""

from __future__ import annotations

import logging

from eflexcan2mqtt.meter import DAY_S, Meter
from eflexcan2mqtt.settings.energy import EnergySettings

from .support.bank import FULL

HOUR_S = 3600


def test_the_ratio_is_logged_once_a_day_of_the_batteries_that_discharged(caplog):
    caplog.set_level(logging.DEBUG)
    now = 0.0
    meter = Meter(EnergySettings(), lambda: now)
    for step in range(int(2.5 * DAY_S / 5)):
        now = step * 5.0
        changes = {"battery_voltage": 50.0, "battery_current": -10.0}
        lifetime = int(1000 + now / HOUR_S * 500)
        meter.publish([{**FULL[0], **changes, "lifetime_discharge_energy": lifetime}, FULL[1]])
    name = FULL[0]["battery_id"]
    line = f"{name}: lifetime_discharge_energy rose by 1.000 for each Wh in energy_out"
    assert caplog.messages == [line, line]
    assert {each.levelname for each in caplog.records} == {"DEBUG"}


def test_a_clock_that_goes_back_begins_another_day(caplog):
    caplog.set_level(logging.DEBUG)
    now = 2 * DAY_S
    meter = Meter(EnergySettings(), lambda: now)
    for moment in (2 * DAY_S, 0.0, 1.0, 2 * DAY_S - 1, 0.5, DAY_S):
        now = moment
        meter.publish(FULL)
    assert meter.session().gaps == 4
    assert caplog.messages == []
