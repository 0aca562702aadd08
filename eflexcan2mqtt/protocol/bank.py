"""The batteries of one cycle in, the bank as a whole out. No I/O.

A bank is its latest array and nothing else: a battery that is missing there counts nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from .decode import Reading

T = TypeVar("T")

Cycle = list[Reading]

BANK = "bank"
"""What topics and arguments call it."""

MOST_KNOWN = 30
"""So many batteries are remembered: a whole bank, and another one after an exchange."""


@dataclass(frozen=True)
class Total:
    """A value of the whole bank; ``of`` are the keys of a reading that it needs.

    ``value`` takes a cycle that is not empty.
    """

    key: str
    unit: str
    of: tuple[str, ...]
    value: Callable[[Cycle], Any]
    meaning: str


def power(reading: Reading) -> float:
    """What a battery takes in, in W; negative while it discharges."""
    return float(round(reading["battery_voltage"] * reading["battery_current"], 1))


def spread(reading: Reading) -> int:
    """How far a battery's cells are apart, in mV."""
    cells = reading["cell_voltages"]
    return int(max(cells) - min(cells))


def remember(known: dict[str, T], battery_id: str, value: T) -> None:
    """Keep the latest of a battery; who was heard longest ago makes room."""
    known.pop(battery_id, None)
    known[battery_id] = value
    while len(known) > MOST_KNOWN:
        del known[next(iter(known))]


def _mean(key: str) -> Callable[[Cycle], float]:
    return lambda cycle: round(sum(each[key] for each in cycle) / len(cycle), 1)


def _sum(value: Callable[[Reading], float]) -> Callable[[Cycle], float]:
    return lambda cycle: round(sum(map(value, cycle)), 1)


# "1" is the worst, then "2", "3" and "Normal": the order of their letters.
# fmt: off
TOTALS = (
    Total("battery_soc",         "%",  ("battery_soc",),     _mean("battery_soc"),     "mean state of charge"),
    Total("battery_voltage",     "V",  ("battery_voltage",), _mean("battery_voltage"), "mean voltage"),
    Total("battery_current",     "A",  ("battery_current",), _sum(lambda each: each["battery_current"]), "total current; negative while discharging"),
    Total("power",               "W",  ("battery_voltage", "battery_current"), _sum(power), "total power; negative while discharging"),
    Total("batteries_present",   "",   (),                   len,                      "batteries in the latest array"),
    Total("batteries_in_system", "",   ("batteries_in_system",), lambda cycle: max(each["batteries_in_system"] for each in cycle), "how many there should be"),
    Total("cell_spread",         "mV", ("cell_voltages",),   lambda cycle: max(map(spread, cycle)), "widest spread between the cells of one battery"),
    Total("cell_spread_battery", "",   ("cell_voltages", "battery_number"), lambda cycle: max(cycle, key=spread)["battery_number"], "number of the battery with it"),
    Total("alarm_status",        "",   ("alarm_status",),    lambda cycle: min(each["alarm_status"] for each in cycle), "worst alarm of any battery"),
    Total("time",                "s",  ("time",),            lambda cycle: max(each["time"] for each in cycle), "when the last frame came, in seconds since 1970 (UTC)"),
)
# fmt: on


def totals(cycle: Cycle) -> dict[str, Any]:
    """The bank, ready for JSON: what the batteries' stage has the values for."""
    keys = cycle[0].keys()
    return {each.key: each.value(cycle) for each in TOTALS if keys >= set(each.of)}
