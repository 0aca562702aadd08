"""The simulated bank sends what a real one could."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest

from eflexcan2mqtt.protocol.assembler import Assembler, Record
from eflexcan2mqtt.protocol.decode import decode
from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.simulated_bank import Bank
from tests.support.bank import CYCLE_S, FRAMES_PER_BURST, START, published

HOURS = 30


@pytest.fixture(scope="module")
def day():
    """Readings of two batteries, once a simulated minute for more than a day."""
    bank = Bank(2, seed=3)
    readings = []
    for minute in range(HOURS * 60):
        for number, (status, cells) in enumerate(bank.step(60.0), 1):
            readings.append(decode(Record(number, status, cells, minute * 60)))
    return readings


def test_the_same_seed_gives_the_same_frames():
    first, second, other = (
        list(islice(simulator.frames(3, START, seed), 500)) for seed in (5, 5, 6)
    )
    assert first == second
    assert first != other


def test_the_start_shifts_the_times_and_nothing_else():
    early, late = (list(islice(simulator.frames(2, at), 200)) for at in (1000.0, 5000.0))
    assert [each[:2] for each in early] == [each[:2] for each in late]
    for one, other in zip(early, late, strict=True):
        assert other[2] - one[2] == pytest.approx(4000.0, abs=1e-5)


@pytest.mark.parametrize("batteries", [1, 2, 14, 15])
def test_the_timing_is_that_of_the_real_bus(batteries):
    """Cycles of 1.012 s, battery 2 after 13 ms, then one every 20 ms, bursts of 8 ms."""
    per_cycle = batteries * FRAMES_PER_BURST
    frames = list(islice(simulator.frames(batteries, START), 3 * per_cycle))
    times = [time - START for _, _, time in frames]
    assert times == sorted(times)
    starts = times[::FRAMES_PER_BURST]
    for index, start in enumerate(starts):
        cycle, place = divmod(index, batteries)
        slot = 0.0 if place == 0 else 0.013 + 0.020 * (place - 1)
        assert start == pytest.approx(cycle * CYCLE_S + slot, abs=1e-4)
        burst = times[index * FRAMES_PER_BURST : (index + 1) * FRAMES_PER_BURST]
        assert 0.006 < burst[-1] - burst[0] < 0.010
        for one, other in pairwise(burst):
            assert 0.00012 <= other - one <= 0.0027


def test_every_frame_decodes_and_nothing_is_dropped():
    assembler = Assembler()
    frames = islice(simulator.frames(15, START), 15 * FRAMES_PER_BURST * 5)
    events = list(assembler.events(frames))
    assert len([each for each in events if isinstance(each, Record)]) == 75
    assert assembler.dropped == {}


def test_it_is_published_as_whole_cycles():
    arrays = published(islice(simulator.frames(14, START), 14 * FRAMES_PER_BURST * 3))
    assert [len(each) for each in arrays] == [14, 14, 14]
    assert {each["batteries_in_system"] for array in arrays for each in array} == {14}


def test_what_a_battery_says_agrees_with_itself(day):
    for said in day:
        cells = said["cell_voltages"]
        temps = list(said["temps"].values())
        assert said["battery_voltage"] == sum(cells) // 100 / 10
        assert said["max_cell_voltage"] == max(cells)
        assert said["min_cell_voltage"] == min(cells)
        assert said["max_cell_voltage_num"] == cells.index(max(cells)) + 1
        assert said["min_cell_voltage_num"] == cells.index(min(cells)) + 1
        assert (said["max_temp"], said["min_temp"]) == (max(temps), min(temps))
        assert said["max_temp_num"] == temps.index(max(temps)) + 1
        assert said["min_temp_num"] == temps.index(min(temps)) + 1
        assert said["average_temp"] == sum(temps) // 6
        assert bool(said["alarm_level_2"] >> 12 & 1) == (max(temps) - min(temps) >= 8)
        assert bool(said["alarm_level_3"] >> 12 & 1) == (max(temps) - min(temps) >= 5)
        assert -0.1 <= round(said["pre_volt"] - said["battery_voltage"], 1) <= 0.3
        assert 0 <= round(said["voltage_at_68"] - said["pre_volt"], 1) <= 0.2


def test_limits_follow_the_state_of_charge_and_currents_the_limits(day):
    for said in day:
        soc, limit = said["battery_soc"], said["charge_current_limit"]
        assert limit == (0.0 if soc >= 98 else 30.0 if soc >= 84 else 50.0)
        assert said["battery_current"] <= limit
        # 1 exactly where the limit is 30 A, as captured.
        assert said["raw_status"][2 * 61 : 2 * 62] == f"{limit == 30.0:02x}"


def test_relays_are_closed_while_current_flows(day):
    for said in day:
        if said["battery_current"] > 0:
            assert said["charge_relay_status"] == "Make"
        if said["battery_current"] < 0:
            assert said["discharge_relay_status"] == "Make"


def test_a_full_bank_shows_level_3_and_never_worse(day):
    assert {said["alarm_status"] for said in day} == {"Normal", "3"}
    for said in day:
        if said["battery_soc"] >= 98:
            assert said["alarm_status"] == "3"


def test_it_charges_by_day_and_discharges_by_night(day):
    first = day[::2]
    socs = [said["battery_soc"] for said in first]
    assert max(socs) >= 98
    assert min(socs) <= 20
    for before, after in pairwise(first):
        # A whole percent either way may come of rounding, never against the current.
        if before["battery_current"] > 1 and after["battery_current"] > 1:
            assert after["battery_soc"] >= before["battery_soc"]
        if before["battery_current"] < -1 and after["battery_current"] < -1:
            assert after["battery_soc"] <= before["battery_soc"]


def test_voltage_rises_with_charge(day):
    low = [said["battery_voltage"] for said in day if said["battery_soc"] < 15]
    high = [said["battery_voltage"] for said in day if said["battery_soc"] > 95]
    assert max(low) < min(high)


def test_energy_only_grows(day):
    for before, after in pairwise(day[::2]):
        assert after["lifetime_discharge_energy"] >= before["lifetime_discharge_energy"]


def test_one_cell_drifts():
    """The same weak cell falls further behind the others, week by week."""
    bank = Bank(1, seed=3)
    spreads, weakest = [], set()
    for _ in range(3):
        for _ in range(7 * 24 * 6):
            [(status, cells)] = bank.step(600.0)
            said = decode(Record(1, status, cells, 0.0))
            if said["battery_soc"] >= 98:
                spread = said["max_cell_voltage"] - said["min_cell_voltage"]
                weakest.add(said["min_cell_voltage_num"])
        spreads.append(spread)
    assert len(weakest) == 1
    assert spreads == sorted(spreads)
    assert spreads[-1] > spreads[0]
