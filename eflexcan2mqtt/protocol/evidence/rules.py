"""The rules: all that is claimed of a battery's frames and that a recording can test. Data only.

Where STATUS sums up what CELLS has in detail, there are two rules: the blocks are two snapshots a
few milliseconds apart, so that about one burst in a hundred is 1 mV, 1 °C or one probe off.
"""

from __future__ import annotations

from ..blocks import CELLS, STATUS, Block
from ..fields import CHARGE_LIMITED_AT
from . import checks, sequences
from .checks import cells, follows, mean, numbers_first, numbers_near, probes
from .rule import Over, Rule

BURST, BURSTS, CYCLE, FRAMES = Over.BURST, Over.BURSTS, Over.CYCLE, Over.FRAMES

_CELLS = ("cell_voltages",)
_PROBES = ("temps",)
_TEMPS = ("max_temp", "min_temp")


def _always(sentence: str, key: str, *allowed: object) -> Rule:
    return Rule(sentence, (key,), BURST, checks.is_one_of(key, *allowed))


def _unclaimed(first: int, last: int, *allowed: int, block: Block = STATUS) -> Rule:
    """Bytes that no field claims, with the values that they have in all known bursts."""
    offsets = range(first, last + 1)
    which = f"byte {first} of {block.name} is"
    if first != last:
        which = f"bytes {first} to {last} of {block.name} are"
    sentence = f"{which} {' or '.join(f'{value:02X}' for value in allowed)}"
    check = checks.bytes_are(block, offsets, *allowed)
    return Rule(sentence, (), BURST, check, offsets=offsets, block=block)


def _one_value(at: int) -> Rule:
    check = sequences.same_from_all(lambda burst: burst.record.status[at])
    return Rule(
        f"byte {at} of STATUS is the same from all", (), CYCLE, check, offsets=range(at, at + 1)
    )


def _constant(first: int, last: int) -> Rule:
    offsets = range(first, last + 1)
    sentence = f"bytes {first} to {last} of STATUS never change in one battery"
    return Rule(sentence, (), BURSTS, sequences.keeps_bytes(offsets), offsets=offsets)


# fmt: off
RULES: tuple[Rule, ...] = (
    Rule("battery_number is the number in the id", ("battery_number",), FRAMES, sequences.has_number_of_id),
    Rule("a battery_number keeps its battery_id", ("battery_id",), BURSTS, sequences.keeps_serial),
    Rule("the second pair of digits of battery_id is a month, or 00", ("battery_id",), BURST, checks.has_month),
    Rule("batteries_in_system is the number of batteries on the bus (if its last one is recorded)", ("batteries_in_system",), CYCLE, sequences.counts_the_bank, ("battery_number",)),
    Rule("batteries_in_system is the same from all", ("batteries_in_system",), CYCLE, sequences.same_from_all(lambda burst: burst.reading["batteries_in_system"])),
    Rule("battery_soc is 100 at most", ("battery_soc",), BURST, lambda burst: burst.reading["battery_soc"] <= 100),
    Rule("battery_voltage is the sum of cell_voltages, rounded down to tenths", ("battery_voltage", "cell_voltages"), BURST, checks.sum_of_cells),
    Rule("system_average_voltage is the same from all", ("system_average_voltage",), CYCLE, sequences.same_from_all(lambda burst: burst.reading["system_average_voltage"])),
    Rule("system_average_voltage is the mean of battery_voltage, 0.1 V off at most (if all are recorded)", ("system_average_voltage",), CYCLE, sequences.mean_of_bank, ("battery_voltage",)),
    Rule("pre_volt is 0.1 V below battery_voltage to 0.3 V above it", ("pre_volt",), BURST, checks.within("pre_volt", "battery_voltage", -1, 3), ("battery_voltage",)),
    Rule("voltage_at_68 is pre_volt to 0.2 V above it", ("voltage_at_68",), BURST, checks.within("voltage_at_68", "pre_volt", 0, 2), ("pre_volt",)),
    Rule("lifetime_discharge_energy does not fall", ("lifetime_discharge_energy",), BURSTS, sequences.never_falls),
    Rule("lifetime_discharge_energy rises in steps of 5", ("lifetime_discharge_energy",), BURSTS, sequences.rises_by_fives),
    _always("insulation_resistance is 65535", "insulation_resistance", 65_535),
    _always("software_version is 4004 or 4006", "software_version", 4004, 4006),
    _always("hardware_version is a", "hardware_version", "a"),

    Rule("max_cell_voltage is the greatest of cell_voltages", ("max_cell_voltage", "cell_voltages"), BURST, follows("max_cell_voltage", cells, max)),
    Rule("max_cell_voltage is the greatest of cell_voltages, 1 mV off at most", ("max_cell_voltage", "cell_voltages"), BURST, follows("max_cell_voltage", cells, max, off=1)),
    Rule("max_cell_voltage_num is the first cell with the greatest voltage", ("max_cell_voltage_num",), BURST, numbers_first("max_cell_voltage_num", cells, max), _CELLS),
    Rule("max_cell_voltage_num is a cell with the greatest voltage, 1 mV off at most", ("max_cell_voltage_num",), BURST, numbers_near("max_cell_voltage_num", cells, max), _CELLS),
    Rule("min_cell_voltage is the least of cell_voltages", ("min_cell_voltage", "cell_voltages"), BURST, follows("min_cell_voltage", cells, min)),
    Rule("min_cell_voltage is the least of cell_voltages, 1 mV off at most", ("min_cell_voltage", "cell_voltages"), BURST, follows("min_cell_voltage", cells, min, off=1)),
    Rule("min_cell_voltage_num is the first cell with the least voltage", ("min_cell_voltage_num",), BURST, numbers_first("min_cell_voltage_num", cells, min), _CELLS),
    Rule("min_cell_voltage_num is a cell with the least voltage, 1 mV off at most", ("min_cell_voltage_num",), BURST, numbers_near("min_cell_voltage_num", cells, min), _CELLS),

    Rule("max_temp is the greatest of temps", ("max_temp", "temps"), BURST, follows("max_temp", probes, max)),
    Rule("max_temp is the greatest of temps, 1 °C off at most", ("max_temp", "temps"), BURST, follows("max_temp", probes, max, off=1)),
    Rule("max_temp_num is the first probe with the greatest temperature", ("max_temp_num",), BURST, numbers_first("max_temp_num", probes, max), _PROBES),
    Rule("max_temp_num is a probe with the greatest temperature, 1 °C off at most", ("max_temp_num",), BURST, numbers_near("max_temp_num", probes, max), _PROBES),
    Rule("min_temp is the least of temps", ("min_temp", "temps"), BURST, follows("min_temp", probes, min)),
    Rule("min_temp is the least of temps, 1 °C off at most", ("min_temp", "temps"), BURST, follows("min_temp", probes, min, off=1)),
    Rule("min_temp_num is the first probe with the least temperature", ("min_temp_num",), BURST, numbers_first("min_temp_num", probes, min), _PROBES),
    Rule("min_temp_num is a probe with the least temperature, 1 °C off at most", ("min_temp_num",), BURST, numbers_near("min_temp_num", probes, min), _PROBES),
    Rule("average_temp is the mean of temps, rounded down", ("average_temp", "temps"), BURST, follows("average_temp", probes, mean)),
    Rule("average_temp is the mean of temps, rounded down, 1 °C off at most", ("average_temp", "temps"), BURST, follows("average_temp", probes, mean, off=1)),

    Rule("charge_current_limit is 0 A at SOC 98 and above", ("charge_current_limit",), BURST, checks.charge_limit(checks.FULL_SOC, 100, 0.0), ("battery_soc",)),
    Rule("charge_current_limit is 30.0 A at SOC 84 to 88", ("charge_current_limit",), BURST, checks.charge_limit(84, 88, 30.0), ("battery_soc",)),
    Rule("charge_current_limit is 50.0 A at SOC 69 to 83", ("charge_current_limit",), BURST, checks.charge_limit(69, 83, 50.0), ("battery_soc",)),
    Rule("byte 61 of STATUS is 01 exactly where charge_current_limit is 30.0 A, else 00", ("charge_current_limit",), BURST, checks.limited, offsets=range(CHARGE_LIMITED_AT, CHARGE_LIMITED_AT + 1)),
    _always("discharge_current_limit is 60.0 A", "discharge_current_limit", 60.0),
    _always("state_of_health is 100 %", "state_of_health", 100),
    Rule("the relay byte has no bits but 0, 1 and 3", ("charge_relay_status", "discharge_relay_status", "precharge_relay_status"), BURST, checks.has_relays_alone),
    Rule("the charge or the discharge relay is open where alarm_level_1 is not 0", ("alarm_level_1", "alarm_bits_1", "alarm_status", "charge_relay_status", "discharge_relay_status"), BURST, checks.opens_relay),
    Rule("alarm_level_2 has bit 12 exactly where probes are 8 °C or more apart", ("alarm_level_2", "alarm_bits_2"), BURST, checks.probes_apart("alarm_level_2", 8), _TEMPS),
    Rule("alarm_level_3 has bit 12 exactly where probes are 5 °C or more apart", ("alarm_level_3", "alarm_bits_3"), BURST, checks.probes_apart("alarm_level_3", 5), _TEMPS),
    Rule("alarm_level_3 has bit 3 at SOC 98 and above", ("alarm_level_3", "high_voltage_warning"), BURST, checks.warns_when_full, ("battery_soc",)),

    _unclaimed(12, 13, 1),
    _unclaimed(18, 18, 0),
    _unclaimed(19, 19, 1, 2),
    _unclaimed(20, 20, 0x2A, 0x2E),
    _one_value(20),
    _unclaimed(39, 39, 0),
    _constant(56, 59),
    _unclaimed(60, 60, 0),
    _unclaimed(62, 62, 1),
    _unclaimed(63, 67, 0),
    _unclaimed(70, 75, 0),
    _unclaimed(76, 76, 1),
    _unclaimed(32, 41, 0, block=CELLS),
    _unclaimed(48, 48, 0, block=CELLS),

    Rule("a frame has the marker that follows that of the frame before it", (), FRAMES, sequences.has_next_marker),
    Rule("no other battery sends during a burst", (), BURST, sequences.alone),
    Rule("the frames of a burst are 0.12 to 2.7 ms apart", (), BURST, sequences.close_together),
    Rule("a battery begins a burst every 1.010 to 1.018 s", (), BURSTS, sequences.keeps_pace, ("battery_number",)),
    Rule("batteries send in ascending order", (), CYCLE, sequences.ascends, ("battery_number",)),
)
# fmt: on

UNTESTABLE = {
    "battery_current": "nothing else in the frames says how large the current is",
    "raw_status": "it is the block as it was sent",
    "raw_cells": "it is the block as it was sent",
    "time": "no battery sends it",
}
"""Why no rule is evidence of a field: then only the word of its ``evidence`` says how well it is known."""


def rules_of(key: str) -> tuple[Rule, ...]:
    """The rules that are evidence of a field."""
    return tuple(each for each in RULES if key in each.supports)
