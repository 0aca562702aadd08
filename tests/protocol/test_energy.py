"""Energy is the integral of power: in and out apart, and without the current of an idle sensor."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.bank import MOST_KNOWN
from eflexcan2mqtt.protocol.energy import (
    Counters,
    Energy,
    EnergySession,
    EnergyTotals,
    unit_hints,
)
from tests.support.bank import FULL

KWH = 3_600_000
BAND = 0.6


def reading(amps, name="A", volts=50.0, lifetime=0):
    return {
        **FULL[0],
        "battery_id": name,
        "battery_voltage": volts,
        "battery_current": amps,
        "lifetime_discharge_energy": lifetime,
    }


def counted(steps, invert=False):
    """What is counted of (time, {battery: A})."""
    energy = Energy(BAND, invert)
    for now, currents in steps:
        energy.cycle([reading(amps, name) for name, amps in currents.items()], now)
    return energy.session


def joules(counters):
    return tuple(round(each * KWH, 6) for each in counters)


def test_a_charge_counts_in_and_a_discharge_out():
    assert joules(counted([(0, {"A": 10}), (2, {"A": 20})]).bank) == (1500, 0, 0)
    assert joules(counted([(0, {"A": -10}), (2, {"A": -20})]).bank) == (0, 1500, 0)


def test_inverted_they_change_places():
    assert joules(counted([(0, {"A": 10}), (2, {"A": 20})], invert=True).bank) == (0, 1500, 0)


def test_nothing_is_counted_of_the_first_cycle():
    assert counted([(7, {"A": 10})]) == EnergySession(
        batteries={"A": Counters()}, lifetime={"A": 0}
    )


@pytest.mark.parametrize(
    ("amps", "expected"),
    [(0.6, (0, 0, 30)), (-0.6, (0, 0, 30)), (0.7, (35, 0, 0)), (-0.7, (0, 35, 0)), (0, (0, 0, 0))],
)
def test_up_to_the_dead_band_a_current_is_ignored(amps, expected):
    session = counted([(0, {"A": amps}), (1, {"A": amps})])
    assert joules(session.batteries["A"]) == joules(session.bank) == expected


def test_the_bank_counts_the_sum_of_its_batteries():
    """What one gives to another does not leave the bank."""
    session = counted([(0, {"A": 10, "B": -4, "C": 0.5}), (1, {"A": 10, "B": -4, "C": 0.5})])
    assert joules(session.batteries["A"]) == (500, 0, 0)
    assert joules(session.batteries["B"]) == (0, 200, 0)
    assert joules(session.bank) == (300, 0, 25)


def test_five_seconds_are_no_gap_and_more_are_left_out_and_counted():
    assert joules(counted([(0, {"A": 2}), (5, {"A": 2})]).bank) == (500, 0, 0)
    session = counted([(0, {"A": 2}), (5.1, {"A": 2}), (6.1, {"A": 2})])
    assert (joules(session.bank), session.gaps) == ((100, 0, 0), 1)


def test_a_step_back_of_the_clock_is_left_out():
    session = counted([(100, {"A": 2}), (0, {"A": 2}), (1, {"A": 2})])
    assert (joules(session.bank), session.gaps) == ((100, 0, 0), 1)


def test_a_battery_that_is_silent_counts_in_the_bank_for_five_seconds():
    steps = [(0, {"A": 2, "B": 2}), *((now, {"A": 2}) for now in range(1, 11))]
    session = counted([*steps, (11, {"A": 2, "B": 2})])
    assert joules(session.batteries["A"]) == (1100, 0, 0)
    assert joules(session.batteries["B"]) == (0, 0, 0)
    # Five seconds with both, and as it goes and comes half of it each.
    assert joules(session.bank) == (1100 + 500 + 50 + 50, 0, 0)
    assert session.gaps == 1


def test_a_snapshot_does_not_change():
    energy = Energy(BAND)
    energy.cycle([reading(9)], 0.0)
    before = energy.session
    energy.cycle([reading(9)], 1.0)
    assert before.batteries == {"A": Counters()}
    assert energy.session.batteries != before.batteries


def test_only_so_many_batteries_are_remembered():
    energy = Energy(BAND)
    for number in range(3 * MOST_KNOWN):
        energy.cycle([reading(9, str(number), lifetime=number)], float(number))
    assert len(energy.session.batteries) == len(energy.session.lifetime) == MOST_KNOWN


def test_the_lifetime_counter_is_held_against_what_was_counted():
    energy = Energy(BAND)
    for now in range(3601):
        energy.cycle(
            [
                reading(-10, "Wh", 50, 1000 + now * 500 // 3600),
                reading(-10, "still", 50, 1000),
                reading(10, "charging", 50, now),
            ],
            float(now),
        )
    assert unit_hints(energy.session) == {"Wh": pytest.approx(1.0)}


currents = st.dictionaries(st.sampled_from("ABC"), st.floats(-150, 150), min_size=1)
steps = st.lists(st.tuples(st.floats(-10, 1e10), currents), max_size=20)


@given(steps)
def test_counters_never_fall_whatever_the_clock_does(steps):
    energy = Energy(BAND)
    sessions = [energy.session]
    for now, found in steps:
        energy.cycle([reading(amps, name) for name, amps in found.items()], now)
        sessions.append(energy.session)
    for before, after in pairwise(sessions):
        assert after.gaps >= before.gaps
        assert all(now >= then for now, then in zip(after.bank, before.bank, strict=True))
        for name, counters in before.batteries.items():
            pairs = zip(after.batteries[name], counters, strict=True)
            assert all(now >= then for now, then in pairs)


@given(st.lists(currents, min_size=2, max_size=20))
def test_without_gaps_the_net_energy_of_the_bank_is_that_of_its_batteries(found):
    every = {name for each in found for name in each}
    session = counted(
        (float(now), {name: each.get(name, 0.0) for name in every})
        for now, each in enumerate(found)
    )
    net = sum(each.energy_in - each.energy_out for each in session.batteries.values())
    assert session.bank.energy_in - session.bank.energy_out == pytest.approx(net, abs=1e-9)
    ignored = sum(each.energy_ignored for each in session.batteries.values())
    assert session.bank.energy_ignored == pytest.approx(ignored, abs=1e-9)


def test_totals_take_what_a_run_has_counted_since():
    base = EnergyTotals(Counters(1, 2, 3), {"A": Counters(5, 0, 0)}, gaps=2)
    before = EnergySession(Counters(1, 1, 1), {"A": Counters(1, 0, 0)}, gaps=1)
    now = EnergySession(
        Counters(2, 3, 4), {"A": Counters(1.5, 0, 0), "B": Counters(7, 0, 0)}, gaps=3
    )
    assert base.plus(now, before) == EnergyTotals(
        Counters(2, 4, 6), {"A": Counters(5.5, 0, 0), "B": Counters(7, 0, 0)}, gaps=4
    )


def test_a_battery_that_was_forgotten_meanwhile_never_counts_backwards():
    base = EnergyTotals(batteries={"A": Counters(5, 0, 0)})
    before = EnergySession(batteries={"A": Counters(4, 0, 0)})
    now = EnergySession(batteries={"A": Counters(1, 0, 0)})
    assert base.plus(now, before).batteries == {"A": Counters(6, 0, 0)}


def test_a_new_battery_pushes_no_counter_of_a_present_one_out():
    old = EnergyTotals(batteries={f"A{number}": Counters(5.0) for number in range(MOST_KNOWN)})
    present = {"NEW": Counters(0.1), "A0": Counters(0.1), "A1": Counters(0.1)}
    found = old.plus(EnergyTotals(batteries=present), EnergyTotals()).batteries
    assert len(found) == MOST_KNOWN
    assert (found["A0"], found["A1"]) == (Counters(5.1), Counters(5.1))
