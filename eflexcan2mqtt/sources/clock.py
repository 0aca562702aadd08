"""The stamps of a recording in, the times of its frames out. No I/O.

A stamp may be the seconds since 1970, or since the recording or the computer was started, or the
gap since the line before; the first stamps tell which.  One that is not a number is missing, or
damaged: that frame has the time of the one before.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import Enum
from itertools import islice, pairwise
from time import time as now

from ..protocol.blocks import STALE_S
from . import EARLIEST, LATEST
from .formats import Logged

log = logging.getLogger(__name__)

Timed = Iterator[tuple[float, Logged]]

_HEAD = 500
"""So many stamps tell the kind of clock: two cycles of a whole bank, 28 of one battery."""

_FEW = 9
_LONGEST_GAP_S = 86_400.0


class Kind(Enum):
    """What the stamps of a recording are; the value says it to a user."""

    ABSOLUTE = "its times are seconds since 1970"
    ZERO = "its times count from its first frame"
    START = "its times count from a start that it does not name, such as the boot"
    GAPS = "its times are gaps between frames"
    OUT_OF_RANGE = (
        "its times are out of range (later than 2100, or negative): divide milliseconds by 1000, "
        "microseconds by 1000000"
    )
    NONE = "its frames have no times"

    @property
    def useless(self) -> bool:
        """Whether the stamps tell nothing."""
        return self in (Kind.OUT_OF_RANGE, Kind.NONE)


class Clock:
    """Gives the frames of one recording their times.

    ``end`` is when its last frame came, in seconds since 1970; it is needed unless the kind is
    ABSOLUTE.  Stamps of such a clock may become absolute in the middle, when the computer's clock
    is set: then ``end`` is not used.  ``absolute`` is whether no time depends on it, ``empty``
    whether there is no frame.  ``logged`` reads the recording from its beginning; ``gaps`` is
    whether its stamps may be such.
    """

    def __init__(self, logged: Callable[[], Iterator[Logged]], gaps: bool, end: float) -> None:
        head = [each.stamp for each in islice(logged(), _HEAD)]
        self.empty = not head
        self.kind = kind_of(head)
        if self.kind is Kind.GAPS and not gaps:
            self.kind = Kind.START
        self.absolute = self.kind is Kind.ABSOLUTE
        self._end = end
        self._logged = logged
        self._shift = 0.0
        self._first = next((each for each in head if EARLIEST <= each <= LATEST), 0.0)
        if not (self.absolute or self.kind.useless):
            self._shift = self._measured()

    def __iter__(self) -> Timed:
        """Each frame with its time."""
        match self.kind:
            case Kind.OUT_OF_RANGE | Kind.NONE:
                return ((self._end, each) for each in self._logged())
            case Kind.GAPS:
                return self._summed()
            case _:
                return self._shifted()

    def _measured(self) -> float:
        """What is added to the stamps, so that the last one is ``end``."""
        before = shift = 0.0
        for time, _ in self:
            if before < EARLIEST <= time:
                shift = time - before  # the clock was set
            before = time
        self.absolute = before >= EARLIEST
        return shift if self.absolute else self._end - before

    def _summed(self) -> Timed:
        time = self._shift
        for each in self._logged():
            if 0 <= each.stamp <= _LONGEST_GAP_S:
                time += each.stamp
            yield time, each

    def _shifted(self) -> Timed:
        shift = self._shift
        absolute = self.kind is Kind.ABSOLUTE
        time = self._first if absolute else shift
        was_absolute = absolute
        for each in steady(self._logged()):
            stamp = each.stamp
            if 0 <= stamp < EARLIEST:
                if absolute and was_absolute:  # damage, or a clock that was lost
                    shift = time - stamp
                was_absolute = False
                time = stamp + shift
            elif EARLIEST <= stamp <= LATEST:
                was_absolute = True
                time = stamp
            yield time, each


def kind_of(stamps: Iterable[float]) -> Kind:
    """The kind of clock that the first stamps of a recording show; some may be damaged.

    Stamps of a clock only grow, but for a step; gaps grow as often as they shrink.
    """
    numbers = [each for each in stamps if not math.isnan(each)]
    known = [each for each in numbers if 0 <= each <= LATEST]
    if not known:
        return Kind.OUT_OF_RANGE if numbers else Kind.NONE
    few = known[:_FEW]
    if sum(each >= EARLIEST for each in few) * 2 > len(few):
        return Kind.ABSOLUTE
    relative = [each for each in known if each < EARLIEST]
    grown = sum(after > before for before, after in pairwise(relative))
    shrunk = sum(after < before for before, after in pairwise(relative))
    if shrunk and 2 * shrunk >= grown:
        return Kind.GAPS
    return Kind.START if relative[0] else Kind.ZERO


def steady(logged: Iterable[Logged]) -> Iterator[Logged]:
    """The same, but a stamp that jumps away for one frame is that of the frame before."""
    before = math.nan
    held: Logged | None = None
    for each in logged:
        if held is not None:
            stamp = held.stamp
            if abs(stamp - before) > STALE_S:
                back = abs(each.stamp - before)
                if back < abs(each.stamp - stamp):
                    held = held._replace(stamp=before)
            if 0 <= held.stamp <= LATEST:
                before = held.stamp
            yield held
        held = each
    if held is not None:
        jumped = abs(held.stamp - before) > STALE_S
        yield held._replace(stamp=before) if jumped else held


def arrival(logged: Iterable[Logged | None], name: str) -> Iterator[tuple[float, Logged | None]]:
    """What comes through a pipe, with its absolute times; for others, the time of arrival."""
    announced = False
    for each in logged:
        if each is not None and EARLIEST <= each.stamp <= LATEST:
            yield each.stamp, each
            continue
        if each is not None and not announced and not math.isnan(each.stamp):
            announced = True
            what = "relative" if each.stamp < EARLIEST else "out of range"
            log.info("%s: its times are %s: the time of arrival is used", name, what)
        yield now(), each


class LocalTime:
    """Dates in this computer's time zone, as ``2024-05-17 23:05:39.048187``, in seconds."""

    def __init__(self) -> None:
        self._text = b""
        self._seconds = math.nan

    def __call__(self, text: bytes) -> float:
        """The date in seconds since 1970; not a number if there is none such."""
        text, _, fraction = text.partition(b".")
        if text != self._text:
            self._text = text
            self._seconds = self._parsed(text.decode())
        return self._seconds + float(b"0." + fraction)

    def _parsed(self, text: str) -> float:
        try:
            date = datetime.fromisoformat(text)  # naive: local time
            first = date.timestamp()
            # In autumn an hour comes twice.
            second = date.replace(fold=1).timestamp()
        except (ValueError, OverflowError, OSError):
            return math.nan
        return second if first < self._seconds <= second else first
