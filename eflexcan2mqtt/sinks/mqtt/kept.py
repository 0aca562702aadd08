"""Energy counters as JSON, and with what they begin after a restart. No I/O.

They may rise, and fall to 0 as a new meter does.  A small step back would be taken for energy: a
program that counted it would subtract it, or add the whole counter again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...protocol.bank import BANK, MOST_KNOWN
from ...protocol.energy import NOTHING, Counters, EnergyTotals

MOST_AHEAD_KWH = 100.0
"""A retained value so far above the file is no continuation of it: that is written each minute."""

LATEST = 4_102_444_800.0
"""The year 2100: a clock that says more is wrong."""
_HIGHEST = 1e9


@dataclass(frozen=True)
class Kept:
    """What was published, or kept in the file, at a time.

    The times rise from message to message of all runs, whatever the clock does.  The one in the
    file is that of a message that the broker has; the counters in the file may be later.
    ``clean`` is whether the file was written at a stop: nothing was published after it.
    """

    time: float
    totals: EnergyTotals
    clean: bool = False


AT_0 = "the counters begin at 0: "

OLDER = 0.1
"""A file with more than this part of the message may be an older one of the same counters.  To go
on with it would be a fall: by less than a tenth Home Assistant subtracts it, by more it adds the
whole counter again."""


class Beginning(NamedTuple):
    """With what the counters begin, and what to log of it, if somebody would expect another."""

    totals: EnergyTotals
    remark: str = ""


def begin(file: Kept | None, retained: Kept | None) -> Beginning:
    """From what the file and the broker have kept, never less than what was published, or 0."""
    if file is None:
        return Beginning(retained.totals if retained else EnergyTotals())
    if retained and _ahead(file.totals, retained.totals):
        why = f"the retained message is over {MOST_AHEAD_KWH:g} kWh above the file, and ignored"
        if file.clean and not _older(file.totals, retained.totals):
            return Beginning(file.totals, f"the counters continue those of the file: {why}")
        return Beginning(_zero(file, retained), f"{AT_0}{why}")
    if file.clean or (retained and retained.time >= file.time):
        return Beginning(_greater(file.totals, retained.totals) if retained else file.totals)
    lack = "a retained message that is older than the file" if retained else "no retained message"
    why = f"the program was not stopped in order, and the broker has {lack}"
    return Beginning(_zero(*filter(None, (file, retained))), f"{AT_0}{why}")


def raised(ours: EnergyTotals, theirs: EnergyTotals) -> EnergyTotals:
    """Ours while the program runs, but not somewhat less than what another broker has kept.

    That would be a fall for its readers; what is far below is a new meter there.
    """

    def not_below(mine: float, other: float) -> float:
        return other if OLDER * other <= mine < other <= mine + MOST_AHEAD_KWH else mine

    batteries = {**theirs.batteries, **ours.batteries}
    return _both(EnergyTotals(ours.bank, batteries, ours.gaps), theirs, not_below)


def shown(kept: Kept) -> dict[str, Any]:
    """The message, JSON-ready."""
    totals = kept.totals
    return {
        "time": round(kept.time, 1),
        BANK: totals.bank.rounded()._asdict(),
        "batteries": {
            name: each.rounded()._asdict() for name, each in sorted(totals.batteries.items())
        },
        "gaps": totals.gaps,
    }


def content(kept: Kept) -> bytes:
    """The file."""
    mark = {"clean": True} if kept.clean else {}
    return json.dumps({**shown(kept), **mark}).encode() + b"\n"


def parse(text: bytes) -> Kept:
    """The message or the file; raises ValueError saying what is wrong."""
    try:
        found = json.loads(text)
        batteries = {
            _name(name): _counters(each)
            for name, each in [*found["batteries"].items()][-MOST_KNOWN:]
        }
        totals = EnergyTotals(
            _counters(found[BANK]), batteries, int(_number(found.get("gaps", 0), _HIGHEST))
        )
        kept = Kept(_number(found["time"], LATEST), totals, found.get("clean") is True)
    except KeyError as error:
        raise ValueError(f"{error} is missing") from None
    except (TypeError, AttributeError, RecursionError):
        raise ValueError("not the counters of energy") from None
    return kept


def _counters(found: dict[str, Any]) -> Counters:
    return Counters(*(_number(found[key], _HIGHEST) for key in Counters._fields))


def _name(name: str) -> str:
    if not (name.isascii() and name.isalnum()):
        raise ValueError("expected the ids of batteries")
    return name


def _number(value: Any, highest: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= highest:
        raise ValueError(f"expected a number up to {highest:g}, found {str(value)[:20]}")
    return value


def _zero(*kept: Kept) -> EnergyTotals:
    """A new meter for all that are known: readers see that each of them begins at 0."""
    return EnergyTotals(
        batteries={name: NOTHING for each in kept for name in each.totals.batteries}
    )


def _greater(one: EnergyTotals, other: EnergyTotals) -> EnergyTotals:
    """Value by value."""
    return _both(one, other, max)


def _ahead(file: EnergyTotals, retained: EnergyTotals) -> bool:
    ahead = _both(retained, file, lambda theirs, ours: max(theirs - ours, 0.0))
    values = (value for each in (ahead.bank, *ahead.batteries.values()) for value in each)
    return max(values) > MOST_AHEAD_KWH


def _older(file: EnergyTotals, retained: EnergyTotals) -> bool:
    """Whether the file may be an older one of the same counters."""
    less = _both(file, retained, lambda ours, theirs: float(OLDER * theirs <= ours < theirs))
    return any(value for each in (less.bank, *less.batteries.values()) for value in each)


def _both(
    one: EnergyTotals, other: EnergyTotals, of: Callable[[float, float], float]
) -> EnergyTotals:
    def each(left: Counters, right: Counters) -> Counters:
        return Counters(*(of(mine, theirs) for mine, theirs in zip(left, right, strict=True)))

    names = [*one.batteries, *(name for name in other.batteries if name not in one.batteries)]
    batteries = {
        name: each(one.batteries.get(name, NOTHING), other.batteries.get(name, NOTHING))
        for name in names
    }
    return EnergyTotals(each(one.bank, other.bank), batteries, max(one.gaps, other.gaps))
