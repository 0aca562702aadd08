"""What the rules ask of one burst: functions of a burst that give whether it is so.

None is that the precondition of the rule is not met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..blocks import STATUS, Block
from ..fields import CHARGE_LIMITED_AT, PROBES_APART_BIT, field
from ..unclaimed import UNCLAIMED
from .rule import Burst

Check = Callable[[Burst], bool | None]
Numbered = dict[int, int]
"""Cells in mV, or fitted probes in °C, by their number."""

FULL_SOC = 98

_RELAYS_AT = STATUS, field("charge_relay_status").offset
_NO_RELAYS = next(each.mask for each in UNCLAIMED if (each.block, each.offset) == _RELAYS_AT)
"""The bits beside those of the three relays."""


def tenths(value: float) -> int:
    """A value of a Reading as the whole number that was sent."""
    return round(value * 10)


def is_one_of(key: str, *allowed: object) -> Check:
    return lambda burst: burst.reading[key] in allowed


def within(key: str, of: str, low: int, high: int) -> Check:
    """Whether a voltage is from ``low`` to ``high`` tenths above another one."""
    return lambda burst: low <= tenths(burst.reading[key]) - tenths(burst.reading[of]) <= high


def bytes_are(block: Block, offsets: range, *allowed: int) -> Check:
    def check(burst: Burst) -> bool:
        payload = burst.record.status if block is STATUS else burst.record.cells
        return all(payload[at] in allowed for at in offsets)

    return check


def cells(burst: Burst) -> Numbered:
    return dict(enumerate(burst.reading["cell_voltages"], 1))


def probes(burst: Burst) -> Numbered:
    temps = burst.reading["temps"]
    return {int(number): celsius for number, celsius in temps.items() if celsius is not None}


def mean(values: Sequence[int]) -> int:
    return sum(values) // len(values)


def follows(
    key: str, of: Callable[[Burst], Numbered], pick: Callable[..., int], off: int = 0
) -> Check:
    """Whether a field is the ``pick`` of cells or probes, or at most ``off`` from it."""

    def check(burst: Burst) -> bool | None:
        values = list(of(burst).values())
        return abs(burst.reading[key] - pick(values)) <= off if values else None

    return check


def numbers_first(key: str, of: Callable[[Burst], Numbered], pick: Callable[..., int]) -> Check:
    """Whether a field is the number of the first cell or probe with the ``pick`` of them."""

    def check(burst: Burst) -> bool | None:
        values = of(burst)
        if not values:
            return None
        extreme = pick(values.values())
        first = next(number for number, value in values.items() if value == extreme)
        return bool(burst.reading[key] == first)

    return check


def numbers_near(key: str, of: Callable[[Burst], Numbered], pick: Callable[..., int]) -> Check:
    """Whether a field is the number of any that is at most 1 off the ``pick`` of them."""

    def check(burst: Burst) -> bool | None:
        values = of(burst)
        if not values:
            return None
        near = values.get(burst.reading[key])
        return near is not None and abs(near - pick(values.values())) <= 1

    return check


def sum_of_cells(burst: Burst) -> bool:
    return tenths(burst.reading["battery_voltage"]) == sum(cells(burst).values()) // 100


def charge_limit(low: int, high: int, amperes: float) -> Check:
    """Whether the limit is so much at a state of charge from ``low`` to ``high`` %."""

    def check(burst: Burst) -> bool | None:
        limit: float = burst.reading["charge_current_limit"]
        return limit == amperes if low <= burst.reading["battery_soc"] <= high else None

    return check


def limited(burst: Burst) -> bool:
    limited_now: bool = burst.reading["charge_current_limit"] == 30.0
    return burst.record.status[CHARGE_LIMITED_AT] == limited_now


def probes_apart(key: str, celsius: int) -> Check:
    """Whether an alarm word and the temperatures of STATUS, one snapshot, say the same."""

    def check(burst: Burst) -> bool:
        apart: bool = burst.reading["max_temp"] - burst.reading["min_temp"] >= celsius
        return apart == bool(burst.reading[key] >> PROBES_APART_BIT & 1)

    return check


def opens_relay(burst: Burst) -> bool | None:
    if not burst.reading["alarm_level_1"]:
        return None
    return "Break" in (
        burst.reading["charge_relay_status"],
        burst.reading["discharge_relay_status"],
    )


def warns_when_full(burst: Burst) -> bool | None:
    warning: bool = burst.reading["high_voltage_warning"]
    return warning if burst.reading["battery_soc"] >= FULL_SOC else None


def has_month(burst: Burst) -> bool | None:
    month = burst.reading["battery_id"][2:4]
    return None if month == "00" else "01" <= month <= "12"


def has_relays_alone(burst: Burst) -> bool:
    return not burst.record.status[_RELAYS_AT[1]] & _NO_RELAYS
