"""What the rules ask of more than one burst: of two, of a cycle, and of frames.

None is that the precondition of the rule is not met.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from ..assembler import NUMBER_AT
from ..blocks import BATTERIES, BLOCKS, NUMBER_MASK, STATUS, Frame
from .checks import tenths
from .rule import MOST_BETWEEN_S, Burst, Round

_NEXT_MARKER = {
    block.base_id + number: dict(
        zip(block.markers, block.markers[1:] + block.markers[:1], strict=True)
    )
    for block in BLOCKS
    for number in BATTERIES
}


# Two bursts of one number.


def keeps_serial(before: Burst, burst: Burst) -> bool:
    return _same_battery(before, burst)


def keeps_bytes(offsets: range) -> Callable[[Burst, Burst], bool | None]:
    def check(before: Burst, burst: Burst) -> bool | None:
        if not _same_battery(before, burst):
            return None
        return all(before.record.status[at] == burst.record.status[at] for at in offsets)

    return check


def never_falls(before: Burst, burst: Burst) -> bool | None:
    return _risen(before, burst) >= 0 if _same_battery(before, burst) else None


def rises_by_fives(before: Burst, burst: Burst) -> bool | None:
    risen = _risen(before, burst) if _same_battery(before, burst) else 0
    return risen % 5 == 0 if risen > 0 else None


def keeps_pace(before: Burst, burst: Burst) -> bool | None:
    took = burst.frames[0][2] - before.frames[0][2]
    return 1.010 <= round(took, 6) <= 1.018 if 0 < took < MOST_BETWEEN_S else None


def _same_battery(before: Burst, burst: Burst) -> bool:
    return bool(before.reading["battery_id"] == burst.reading["battery_id"])


def _risen(before: Burst, burst: Burst) -> int:
    key = "lifetime_discharge_energy"
    risen: int = burst.reading[key] - before.reading[key]
    return risen


# A cycle.


def counts_the_bank(cycle: Round) -> bool | None:
    return _sizes(cycle) == {len(cycle.heard)} if _has_whole_bank(cycle) else None


def same_from_all(value: Callable[[Burst], Any]) -> Callable[[Round], bool | None]:
    def check(cycle: Round) -> bool | None:
        return len(set(map(value, cycle.bursts))) == 1 if len(cycle.bursts) > 1 else None

    return check


def mean_of_bank(cycle: Round) -> bool | None:
    if not _has_whole_bank(cycle) or len(cycle.bursts) < len(cycle.heard):
        return None
    volts = [tenths(each.reading["battery_voltage"]) for each in cycle.bursts]
    said = [tenths(each.reading["system_average_voltage"]) for each in cycle.bursts]
    return all(abs(each - sum(volts) / len(volts)) <= 1 for each in said)


def ascends(cycle: Round) -> bool | None:
    numbers = [each.record.battery for each in cycle.bursts]
    falls = sum(map(int.__gt__, numbers, numbers[1:] + numbers[:1]))
    return falls == 1 if len(numbers) > 2 else None  # a recording begins with any battery


def _sizes(cycle: Round) -> set[int]:
    return {each.reading["batteries_in_system"] for each in cycle.bursts}


def _has_whole_bank(cycle: Round) -> bool:
    """Whether the battery with the last number of the bank was heard: then none was left out."""
    return bool(cycle.heard) and max(cycle.heard) >= min(_sizes(cycle))


# Two frames of one id.


def has_number_of_id(_: Frame | None, frame: Frame) -> bool | None:
    can_id, data, _time = frame
    if can_id & ~NUMBER_MASK != STATUS.base_id or data[0] != STATUS.markers[0]:
        return None
    return data[NUMBER_AT] == can_id & NUMBER_MASK


def has_next_marker(before: Frame | None, frame: Frame) -> bool | None:
    can_id, data, _ = frame
    if before is None:
        return None
    return _NEXT_MARKER[can_id].get(before[1][0]) == data[0]


# The frames of one burst.


def alone(burst: Burst) -> bool:
    return burst.span == len(burst.frames)


def close_together(burst: Burst) -> bool:
    times = [time for *_, time in burst.frames]
    gaps = [round(after - before, 6) for before, after in pairwise(times)]
    return min(gaps) >= 0.00012 and max(gaps) <= 0.0027
