"""The readings of one cycle in, the bank as a whole out. No I/O.

The bank is its latest cycle: a battery that is missing there counts nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar

from .facts import ALARMS, PROBLEMS, cell_spread, flow, power
from .reading import Reading

K = TypeVar("K")
T = TypeVar("T")

BANK = "bank"
"""What topics and arguments call it."""

BATTERY_KWH = 5.4
"""What a battery can hold, by the name of the model."""

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
    value: Callable[[list[Reading]], Any]
    meaning: str


class BankFacts(TypedDict):
    """What outputs show of a bank beside its totals, as Facts of a battery."""

    flow: str
    alarm: str
    problem: bool


def remember(known: dict[K, T], battery: K, value: T) -> None:
    """Keep the latest value of a battery; the one that was updated longest ago makes room."""
    known.pop(battery, None)
    known[battery] = value
    while len(known) > MOST_KNOWN:
        del known[next(iter(known))]


def _mean(value: Callable[[Reading], float]) -> Callable[[list[Reading]], float]:
    return lambda cycle: round(sum(map(value, cycle)) / len(cycle), 1)


def _sum(value: Callable[[Reading], float]) -> Callable[[list[Reading]], float]:
    return lambda cycle: round(sum(map(value, cycle)), 1)


# "1" is the worst alarm, then "2", "3" and "Normal": their alphabetical order.
# fmt: off
TOTALS = (
    Total("battery_soc",         "%",  ("battery_soc",),     _mean(lambda each: each["battery_soc"]),     "mean state of charge"),
    Total("battery_voltage",     "V",  ("battery_voltage",), _mean(lambda each: each["battery_voltage"]), "mean voltage"),
    Total("battery_current",     "A",  ("battery_current",), _sum(lambda each: each["battery_current"]), "total current; negative while discharging"),
    Total("power",               "W",  ("battery_voltage", "battery_current"), _sum(power), "total power; negative while discharging"),
    Total("charge_current_limit", "A", ("charge_current_limit",), _sum(lambda each: each["charge_current_limit"]), "how much current the batteries allow for charging, together"),
    Total("batteries_present",   "",   (),                   len,                      "batteries in the latest array"),
    Total("batteries_in_system", "",   ("batteries_in_system",), lambda cycle: max(each["batteries_in_system"] for each in cycle), "how many there should be"),
    Total("cell_spread",         "mV", ("cell_voltages",),   lambda cycle: max(map(cell_spread, cycle)), "widest spread between the cells of one battery"),
    Total("cell_spread_battery", "",   ("cell_voltages", "battery_number"), lambda cycle: max(cycle, key=cell_spread)["battery_number"], "number of the battery with it"),
    Total("alarm_status",        "",   ("alarm_status",),    lambda cycle: min(each["alarm_status"] for each in cycle), "worst alarm of any battery"),
    Total("time",                "s",  ("time",),            lambda cycle: max(each["time"] for each in cycle), "when the last frame came, in seconds since 1970 (UTC)"),
)
# fmt: on


def totals(cycle: list[Reading]) -> dict[str, Any]:
    """The bank, ready for JSON: the TOTALS by their keys."""
    return {each.key: each.value(cycle) for each in TOTALS}


def bank_facts(bank: dict[str, Any]) -> BankFacts:
    """What follows from the totals."""
    alarm = bank["alarm_status"]
    return {
        "flow": flow(bank["battery_current"], bank["batteries_present"]),
        "alarm": ALARMS[alarm],
        "problem": alarm in PROBLEMS,
    }
