"""Where the charge of the bank goes at the pace of the last minutes."""

from __future__ import annotations

import pytest

from eflexcan2mqtt.protocol.outlook import PACE_S, Pace

NOTHING = {"target": None, "target_s": None}


def bank(soc, amps, time=1000, batteries=10):
    """Ten batteries can hold 54 kWh."""
    return {
        "battery_soc": soc,
        "battery_current": amps,
        "power": amps * 54.0,
        "batteries_present": batteries,
        "time": time,
    }


@pytest.mark.parametrize(
    ("soc", "amps", "expected"),
    [
        (50.0, 100.0, {"per_hour": 10.0, "target": 100, "target_s": 5 * 3600}),
        (50.0, -100.0, {"per_hour": -10.0, "target": 20, "target_s": 3 * 3600}),
        (15.0, -50.0, {"per_hour": -5.0, "target": 0, "target_s": 3 * 3600}),
        (20.0, -50.0, {"per_hour": -5.0, "target": 0, "target_s": 4 * 3600}),
        (100.0, 30.0, {"per_hour": 3.0, **NOTHING}),
        (0.0, -30.0, {"per_hour": -3.0, **NOTHING}),
        (50.0, 5.0, {"per_hour": 0.0, **NOTHING}),
        (50.0, 5.1, {"per_hour": 0.5, **NOTHING}),
    ],
    ids=[
        *("to full", "to low", "below low", "at low", "is full", "is empty", "at rest"),
        "in more than four days",
    ],
)
def test_the_charge_goes_to_full_or_to_20_percent_and_then_to_empty(soc, amps, expected):
    assert Pace().cycle(bank(soc, amps)) == expected


def test_the_capacity_may_be_given():
    assert Pace(108.0).cycle(bank(50.0, 100.0))["per_hour"] == 5.0


def test_a_kettle_changes_the_pace_little_and_a_lasting_load_all_of_it():
    pace = Pace()
    assert pace.cycle(bank(50.0, -100.0, 1000))["per_hour"] == -10.0
    assert pace.cycle(bank(50.0, -200.0, 1003))["per_hour"] == -10.1
    for second in range(1004, 1004 + 5 * int(PACE_S)):
        found = pace.cycle(bank(50.0, -200.0, second))
    assert found["per_hour"] == pytest.approx(-20.0, abs=0.2)


def test_a_turn_begins_a_pace_of_its_own():
    pace = Pace()
    pace.cycle(bank(50.0, -100.0, 1000))
    assert pace.cycle(bank(50.0, 100.0, 1001))["target_s"] == 5 * 3600


def test_a_clock_that_goes_back_changes_nothing():
    pace = Pace()
    pace.cycle(bank(50.0, -100.0, 1000))
    assert pace.cycle(bank(50.0, -200.0, 500))["per_hour"] == -10.0
