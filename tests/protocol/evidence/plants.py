"""For each rule, what breaks it: strategies of changes to one burst of a healthy bank."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from eflexcan2mqtt.protocol.blocks import CELLS
from eflexcan2mqtt.protocol.evidence.rules import RULES

from .recorded import BATTERIES, HEALTHY, recorded


@dataclass
class Plant:
    """What all readings have, what one has instead, what becomes of its frames, and in which
    order the batteries send."""

    everywhere: dict[str, Any] = field(default_factory=dict)
    here: dict[str, Any] = field(default_factory=dict)
    edit: Any = None
    order: tuple[int, ...] = BATTERIES

    def frames(self, at):
        return recorded(self.everywhere, self.here, at, self.edit, self.order)


def here(**changes):
    return st.fixed_dictionaries(changes).map(lambda drawn: Plant(here=drawn))


def status(offset, values):
    return values.map(lambda value: Plant(here={"status": {offset: value}}))


def edited(values, edit):
    return values.map(lambda drawn: Plant(edit=lambda frames: edit(frames, drawn)))


def whole(least, most, *but):
    return st.integers(least, most).filter(lambda value: value not in but)


def tenths(*but):
    return whole(0, 0xFFFF, *(round(value * 10) for value in but)).map(lambda value: value / 10)


def off(key, most, near=0):
    """A field that is more than ``near`` off, and at most ``most``."""
    by = whole(-most, most, *range(-near, near + 1))
    return here(**{key: by.map(HEALTHY[key].__add__)})


def apart(key, of, least, most):
    """A voltage that is not from ``least`` to ``most`` tenths above another one."""
    right = round(HEALTHY[of] * 10)
    by = whole(-400, 400, *range(least, most + 1))
    return here(**{key: by.map(lambda by: (right + by) / 10)})


CELLS_MV = [3305, 3301, *[3303] * 12, 3300, 3305]
PROBES_C = [23, 20, 22, 24, 26, 26]
SPREAD = {
    "cell_voltages": CELLS_MV,
    "max_cell_voltage_num": 1,
    "min_cell_voltage_num": 15,
    "temps": {str(number): celsius for number, celsius in enumerate(PROBES_C, 1)},
    "max_temp_num": 5,
    "min_temp_num": 2,
}
"""Cells and probes with ties, and with values 1 off the extremes and further off."""


def wrong_first(key, values, extreme):
    numbers = whole(0, 15, values.index(extreme(values)) + 1)
    return numbers.map(lambda number: Plant(SPREAD, {key: number}))


def wrong_place(key, values, extreme):
    """More than 1 off, or of none that there is."""
    best = extreme(values)
    far = [number for number, value in enumerate(values, 1) if abs(value - best) > 1]
    numbers = st.sampled_from([*far, 0, len(values) + 1])
    return numbers.map(lambda number: Plant(SPREAD, {key: number}))


def limit(low, high, right):
    return here(battery_soc=st.integers(low, high), charge_current_limit=tenths(right))


def mistaken_bit(key, celsius):
    """The bit without the temperatures, or these without the bit, whatever the other bits are."""

    def plant(spread, bits):
        word = bits & ~0x1000 | (spread < celsius) << 12
        return Plant(here={"min_temp": 10, "max_temp": 10 + spread, key: word})

    return st.builds(plant, st.integers(0, 60), st.integers(0, 0xFFFF))


def later(frames, seconds, first=0):
    moved = [(can_id, data, round(time + seconds, 6)) for can_id, data, time in frames[first:]]
    return [*frames[:first], *moved]


def interrupted(frames, at):
    """A frame of battery 5, 6 or 7 comes in between."""
    can_id, data, time = frames[at]
    return [*frames[:at], (can_id ^ 4, data, time), *frames[at:]]


ENERGY = HEALTHY["lifetime_discharge_energy"]
INSIDE = st.integers(1, 17)
ANY = st.integers(0, 0xFFFF)
MILLISECONDS = 0.001

# fmt: off
PLANTS = {
    "battery_number is the number in the id": here(battery_number=whole(0, 255, *BATTERIES)),
    "a battery_number keeps its battery_id": here(battery_id=whole(0, 9999).map("2207005E{:04d}".format)),
    "the second pair of digits of battery_id is a month, or 00": here(battery_id=whole(13, 99).map("22{:02d}005E0001".format)),
    "batteries_in_system is the number of batteries on the bus (if its last one is recorded)": whole(0, 2).map(lambda size: Plant({"batteries_in_system": size})),
    "batteries_in_system is the same from all": here(batteries_in_system=whole(0, 255, len(BATTERIES))),
    "battery_soc is 100 at most": here(battery_soc=whole(101, 255)),
    "battery_voltage is the sum of cell_voltages, rounded down to tenths": here(battery_voltage=tenths(HEALTHY["battery_voltage"])),
    "system_average_voltage is the same from all": here(system_average_voltage=tenths(HEALTHY["system_average_voltage"])),
    "system_average_voltage is the mean of battery_voltage, 0.1 V off at most (if all are recorded)": apart("system_average_voltage", "battery_voltage", -1, 1),
    "pre_volt is 0.1 V below battery_voltage to 0.3 V above it": apart("pre_volt", "battery_voltage", -1, 3),
    "voltage_at_68 is pre_volt to 0.2 V above it": apart("voltage_at_68", "pre_volt", 0, 2),
    "lifetime_discharge_energy does not fall": here(lifetime_discharge_energy=whole(0, ENERGY - 1)),
    "lifetime_discharge_energy rises in steps of 5": here(lifetime_discharge_energy=whole(1, 9999, *range(0, 9999, 5)).map(ENERGY.__add__)),
    "insulation_resistance is 65535": here(insulation_resistance=whole(0, 65_534)),
    "software_version is 4004 or 4006": here(software_version=whole(0, 0xFFFF, 4004, 4006)),
    "hardware_version is a": here(hardware_version=whole(0x21, 0x7E, ord("a")).map(chr)),

    "max_cell_voltage is the greatest of cell_voltages": off("max_cell_voltage", 3000),
    "max_cell_voltage is the greatest of cell_voltages, 1 mV off at most": off("max_cell_voltage", 3000, near=1),
    "max_cell_voltage_num is the first cell with the greatest voltage": wrong_first("max_cell_voltage_num", CELLS_MV, max),
    "max_cell_voltage_num is a cell with the greatest voltage, 1 mV off at most": wrong_place("max_cell_voltage_num", CELLS_MV, max),
    "min_cell_voltage is the least of cell_voltages": off("min_cell_voltage", 3000),
    "min_cell_voltage is the least of cell_voltages, 1 mV off at most": off("min_cell_voltage", 3000, near=1),
    "min_cell_voltage_num is the first cell with the least voltage": wrong_first("min_cell_voltage_num", CELLS_MV, min),
    "min_cell_voltage_num is a cell with the least voltage, 1 mV off at most": wrong_place("min_cell_voltage_num", CELLS_MV, min),

    "max_temp is the greatest of temps": off("max_temp", 60),
    "max_temp is the greatest of temps, 1 °C off at most": off("max_temp", 60, near=1),
    "max_temp_num is the first probe with the greatest temperature": wrong_first("max_temp_num", PROBES_C, max),
    "max_temp_num is a probe with the greatest temperature, 1 °C off at most": wrong_place("max_temp_num", PROBES_C, max),
    "min_temp is the least of temps": off("min_temp", 60),
    "min_temp is the least of temps, 1 °C off at most": off("min_temp", 60, near=1),
    "min_temp_num is the first probe with the least temperature": wrong_first("min_temp_num", PROBES_C, min),
    "min_temp_num is a probe with the least temperature, 1 °C off at most": wrong_place("min_temp_num", PROBES_C, min),
    "average_temp is the mean of temps, rounded down": off("average_temp", 100),
    "average_temp is the mean of temps, rounded down, 1 °C off at most": off("average_temp", 100, near=1),

    "charge_current_limit is 0 A at SOC 98 and above": limit(98, 100, 0.0),
    "charge_current_limit is 30.0 A at SOC 84 to 88": limit(84, 88, 30.0),
    "charge_current_limit is 50.0 A at SOC 69 to 83": limit(69, 83, 50.0),
    "byte 61 of STATUS is 01 exactly where charge_current_limit is 30.0 A, else 00": st.one_of(
        status(61, whole(1, 255)),
        whole(0, 255, 1).map(lambda byte: Plant(here={"charge_current_limit": 30.0, "status": {61: byte}})),
    ),
    "discharge_current_limit is 60.0 A": here(discharge_current_limit=tenths(60.0)),
    "state_of_health is 100 %": here(state_of_health=whole(0, 255, 100)),
    "the relay byte has no bits but 0, 1 and 3": status(7, whole(0, 255).filter(lambda byte: byte & 0xF4)),
    "the charge or the discharge relay is open where alarm_level_1 is not 0": here(alarm_level_1=whole(1, 0xFFFF)),
    "alarm_level_2 has bit 12 exactly where probes are 8 °C or more apart": mistaken_bit("alarm_level_2", 8),
    "alarm_level_3 has bit 12 exactly where probes are 5 °C or more apart": mistaken_bit("alarm_level_3", 5),
    "alarm_level_3 has bit 3 at SOC 98 and above": here(battery_soc=whole(98, 255), alarm_level_3=ANY.map(lambda word: word & ~8)),

    "byte 20 of STATUS is the same from all": status(20, whole(0, 255, 0x2A)),
    "bytes 56 to 59 of STATUS never change in one battery": st.builds(lambda at, byte: Plant(here={"status": {at: byte}}), whole(56, 59), whole(1, 255)),

    "a frame has the marker that follows that of the frame before it": edited(whole(0, 17), lambda frames, at: [*frames[:at], *frames[at + 1 :]]),
    "no other battery sends during a burst": edited(INSIDE, interrupted),
    "the frames of a burst are 0.12 to 2.7 ms apart": st.one_of(
        edited(st.tuples(INSIDE, whole(3, 300)), lambda frames, drawn: later(frames, drawn[1] * MILLISECONDS, drawn[0])),
        edited(INSIDE, lambda frames, at: later(frames, -0.4 * MILLISECONDS, at)),
    ),
    "a battery begins a burst every 1.010 to 1.018 s": edited(whole(-300, 300, *range(-2, 7)), lambda frames, by: later(frames, by * MILLISECONDS)),
    "batteries send in ascending order": st.sampled_from([(1, 3, 2), (3, 2, 1), (2, 1, 3)]).map(lambda order: Plant(order=order)),
}
# fmt: on


def unclaimed(rule):
    """Another byte than its sentence allows, at any of its places."""
    _, _, values = rule.sentence.replace(" are ", " is ").partition(" is ")
    allowed = [int(value, 16) for value in values.split(" or ")]
    block = "cells" if rule.block is CELLS else "status"
    return st.builds(
        lambda at, byte: Plant(here={block: {at: byte}}),
        st.sampled_from(rule.offsets),
        whole(0, 255, *allowed),
    )


PLANTS |= {
    rule.sentence: unclaimed(rule) for rule in RULES if rule.offsets and rule.sentence not in PLANTS
}
