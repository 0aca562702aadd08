"""A minute holds mean and extremes of each battery and of the bank, in whole numbers."""

from __future__ import annotations

import pytest

from eflexcan2mqtt.protocol.blocks import BATTERIES
from eflexcan2mqtt.protocol.minutes import BANK_NUMBER, Minutes, packed, unpacked
from tests.support.bank import FULL

START = 1_780_315_200  # a full minute


def reading(time, number=3, **changes):
    both = {"battery_number": number, "battery_id": f"BATTERY{number}"}
    return {**FULL[0], **both, "time": time, **changes}


def of_500_w(time, number, **changes):
    return reading(time, number, battery_current=10.0, battery_voltage=50.0, **changes)


def collected(cycles):
    """The minutes of all cycles, by time and battery."""
    minutes = Minutes()
    found = [each for cycle in cycles for each in minutes.cycle(cycle)] + minutes.end()
    assert len({each[:2] for each in found}) == len(found)
    return {each[:2]: each for each in found}


def test_a_minute_has_mean_and_extremes():
    currents = [10.0, -4.0, 30.0]
    cycles = [
        [reading(START + at, battery_current=amps, battery_voltage=50.0, battery_soc=60 + at)]
        for at, amps in enumerate(currents)
    ]
    found = collected(cycles)[START // 60, 3]
    assert (found.current, found.current_min, found.current_max) == (120, -40, 300)
    assert (found.voltage, found.voltage_min, found.voltage_max) == (5000, 5000, 5000)
    assert (found.soc, found.soc_min, found.soc_max) == (610, 600, 620)
    assert (found.power_min, found.power_max) == (-200, 1500)


def test_energy_in_and_out_is_what_flowed_while_there_were_readings():
    cycles = [
        [reading(START + at, battery_current=amps, battery_voltage=50.0)]
        for at, amps in enumerate([10.0, 10.0, -10.0, -10.0])
    ]
    found = collected(cycles)[START // 60, 3]
    assert found.seconds == 4
    assert (found.energy_in, found.energy_out) == (2 * 500, 2 * 500)


def test_seconds_go_on_from_minute_to_minute():
    found = collected([[reading(START + at)] for at in range(125)])
    assert [each.seconds for each in found.values() if each.battery == 3] == [60, 60, 5]


def test_what_happened_in_a_pause_does_not_count():
    found = collected([[reading(START + at)] for at in (0, 1, 30, 31)])
    assert found[START // 60, 3].seconds == 4


def test_a_cycle_in_the_second_of_another_does_not_add_a_second():
    found = collected([[reading(START - 1)], [reading(START - 1)], [reading(START)]])
    assert found[START // 60 - 1, 3].seconds == 1


def test_even_a_reading_that_adds_nothing_has_a_minute():
    """The clock stood still over a flush in the middle of a minute."""
    minutes = Minutes()
    minutes.cycle([reading(START)])
    assert minutes.end()
    minutes.cycle([reading(START)])
    assert [each.seconds for each in minutes.end()] == [1, 1]


def test_the_clock_may_go_back():
    found = collected([[reading(START + at)] for at in (600, 601, 0, 1)])
    assert {(time - START // 60, each.seconds) for (time, _), each in found.items()} == {
        (10, 2),
        (0, 2),
    }


def test_the_bank_is_its_batteries_together():
    cycle = [
        reading(START, 3, battery_current=10.0, battery_voltage=50.0, battery_soc=60),
        reading(START, 7, battery_current=-4.0, battery_voltage=51.0, battery_soc=61),
    ]
    found = collected([cycle])[START // 60, BANK_NUMBER]
    assert (found.soc, found.voltage, found.current) == (605, 5050, 60)
    assert (found.power_min, found.energy_in, found.energy_out) == (500 - 204, 296, 0)


@pytest.mark.parametrize("seconds_between", [0, 1])
def test_two_batteries_with_one_number_do_not_halve_the_bank(seconds_between):
    """The second of them is a cycle of its own."""
    cycles = []
    for at in range(START, START + 180):
        cycles.append([of_500_w(at, number) for number in (3, 4, 5)])
        cycles.append([of_500_w(at + seconds_between, 3, battery_id="TWIN")])
    found = collected(cycles)[START // 60 + 1, BANK_NUMBER]
    assert (found.power_min, found.power_max, found.current) == (2000, 2000, 400)
    assert (found.seconds, found.energy_in) == (60, 60 * 2000)


def test_a_split_cycle_counts_as_much_as_a_whole_one():
    """For 10 s the bank discharges, in two parts; then it charges, in one."""
    cycles = []
    for at in range(START, START + 20):
        amps = -10.0 if at < START + 10 else 10.0
        both = [
            reading(at, number, battery_current=amps, battery_voltage=50.0) for number in (3, 4)
        ]
        cycles += [both[:1], both[1:]] if amps < 0 else [both]
    found = collected(cycles)[START // 60, BANK_NUMBER]
    assert (found.power_min, found.power_max, found.current) == (-1000, 1000, 0)
    assert (found.energy_in, found.energy_out) == (10 * 1000, 10 * 1000)


def test_two_cycles_in_one_second_are_two_samples():
    """A cycle may take a little less than a second; no extreme is lost by that."""
    cycles = [[reading(START, battery_current=amps, battery_voltage=50.0)] for amps in (10.0, 4.0)]
    found = collected(cycles)[START // 60, BANK_NUMBER]
    assert (found.power_min, found.power_max, found.seconds) == (200, 500, 1)


def test_a_battery_whose_burst_is_lost_is_still_part_of_the_bank():
    cycles = [
        [of_500_w(START + at, number) for number in (3, 4, 5) if number != 4 or at % 10 != 9]
        for at in range(60)
    ]
    found = collected(cycles)[START // 60, BANK_NUMBER]
    assert (found.power_min, found.power_max, found.energy_in) == (1500, 1500, 60 * 1500)


def test_a_battery_without_a_recent_reading_is_no_part_of_the_bank():
    cycles = [[of_500_w(START, 3), of_500_w(START, 4)]]
    cycles += [[of_500_w(START + at, 3)] for at in range(1, 10)]
    found = collected(cycles)[START // 60, BANK_NUMBER]
    assert (found.power_min, found.power_max) == (500, 1000)
    assert found.energy_in == 6 * 1000 + 4 * 500


def test_a_reading_of_before_the_clock_went_back_is_no_part_of_the_bank():
    found = collected([[of_500_w(START + 600, 3)], [of_500_w(START, 4)]])
    assert found[START // 60, BANK_NUMBER].power_max == 500


def test_the_bank_names_the_lowest_and_the_highest_cell_with_its_battery():
    low, high = [3300] * 16, [3300] * 16
    low[4], high[15] = 3200, 3400
    cycle = [
        reading(START, 3, cell_voltages=high, min_temp=10, max_temp=20),
        reading(START, 15, cell_voltages=low, min_temp=12, max_temp=31),
    ]
    found = collected([cycle])
    bank = found[START // 60, BANK_NUMBER]
    assert unpacked(bank.cell_min) == (3200, 15, 5)
    assert unpacked(bank.cell_max) == (3400, 3, 16)
    assert (bank.temperature_min, bank.temperature_max) == (10, 31)
    assert unpacked(found[START // 60, 3].cell_min) == (3300, 3, 1)


def test_the_lowest_and_the_highest_cell_of_a_minute_are_of_any_reading():
    """Whatever the battery says of its extremes."""
    cycles = []
    for at, mv in enumerate((3310, 3200, 3400, 3300)):
        cells = [mv] * 16
        cells[at] += at  # so that the highest is another one than the lowest
        cycles.append([reading(START + at, cell_voltages=cells)])
    found = collected(cycles)[START // 60, 3]
    assert unpacked(found.cell_min) == (3200, 3, 1)
    assert unpacked(found.cell_max) == (3402, 3, 3)


def test_a_battery_that_is_missing_has_no_minute():
    cycles = [
        [reading(START, 3), reading(START, 4)],
        [reading(START + 60, 3)],
        [reading(START + 120, 3), reading(START + 120, 4)],
    ]
    assert [time - START // 60 for time, number in collected(cycles) if number == 4] == [0, 2]


def test_nothing_was_collected_before_the_first_cycle():
    assert Minutes().end() == []


@pytest.mark.parametrize("battery", [BATTERIES[0], BATTERIES[-1]])
@pytest.mark.parametrize("cell", [1, 16])
@pytest.mark.parametrize("mv", [0, 3300, 65_535])
def test_a_packed_cell_is_unpacked_as_it_was(mv, battery, cell):
    assert unpacked(packed(mv, battery, cell)) == (mv, battery, cell)
