"""A reading in, what follows from it out. No I/O.

Each threshold and each word that outputs show is decided here, once.
"""

from __future__ import annotations

from statistics import median
from typing import TypedDict

from .reading import Reading

REST_A = 0.5
"""A battery with no more current than this is at rest: idle ones send -0.3 and -0.5 A, which
may be the offset of the sensor."""

MARK_MV = 20
"""The highest and the lowest cell are marked if they are further from the battery's median."""
QUIET_MV = 1
"""A cell that is no further from the median is shown without a number."""
STRIKING_MV = 50
"""A cell that is as far from the median is shown in full colour."""

CHARGING, DISCHARGING, AT_REST = "charging", "discharging", "at rest"
HIGHEST, LOWEST = "highest", "lowest"

ALARMS = {
    "1": "level 1: relays open",
    "2": "level 2",
    "3": "level 3, mild",
    "Normal": "no alarm",
}
"""The states of alarm_status in words, the worst first."""

PROBLEMS, WARNINGS = ("1", "2"), ("3",)
"""The states of alarm_status that are faults; level 3 is only a warning, a full bank has it."""

RELAYS = {
    ("Make", "Make"): "closed",
    ("Break", "Make"): "charge open",
    ("Make", "Break"): "discharge open",
    ("Break", "Break"): "charge, discharge open",
}
"""Charge and discharge relay in words; the pre-charge relay is open on a healthy battery."""


class Facts(TypedDict):
    """What outputs show of a battery beside its reading; ready for JSON.

    ``power`` is in W, negative while discharging; ``cell_spread`` and ``cell_median`` are in
    mV; ``marked_cells`` has HIGHEST or LOWEST by the cell's number, from 1; ``flow``, ``alarm``
    and ``relays`` are words.
    """

    power: float
    flow: str
    cell_spread: int
    cell_median: float
    marked_cells: dict[int, str]
    alarm: str
    problem: bool
    relays: str


def facts(reading: Reading) -> Facts:
    """What follows from one reading."""
    cells, alarm = reading["cell_voltages"], reading["alarm_status"]
    return {
        "power": power(reading),
        "flow": flow(reading["battery_current"]),
        "cell_spread": cell_spread(reading),
        "cell_median": median(cells),
        "marked_cells": marked_cells(cells),
        "alarm": ALARMS[alarm],
        "problem": alarm in PROBLEMS,
        "relays": RELAYS[reading["charge_relay_status"], reading["discharge_relay_status"]],
    }


def power(reading: Reading) -> float:
    """What a battery takes in, in W; negative while it discharges."""
    return round(reading["battery_voltage"] * reading["battery_current"], 1)


def cell_spread(reading: Reading) -> int:
    """The difference between a battery's highest and lowest cell, in mV."""
    cells = reading["cell_voltages"]
    return max(cells) - min(cells)


def flow(amps: float, batteries: int = 1) -> str:
    """Whether so many batteries, with this current together, charge, discharge or rest."""
    if abs(amps) <= REST_A * batteries:
        return AT_REST
    return CHARGING if amps > 0 else DISCHARGING


def marked_cells(cells: list[int]) -> dict[int, str]:
    """The numbers, from 1, of the cells that are far from the others; the first on a tie."""
    middle, low, high = median(cells), min(cells), max(cells)
    found = {}
    if high - middle > MARK_MV:
        found[cells.index(high) + 1] = HIGHEST
    if middle - low > MARK_MV:
        found[cells.index(low) + 1] = LOWEST
    return found
