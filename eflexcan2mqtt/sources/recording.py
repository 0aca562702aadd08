"""The name of a recording in, its events out, whatever format and clock it has.

A file is read once; twice if its times are relative, as the last one must be known first.
"""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Protocol, cast

from ..protocol.blocks import FRAME_BYTES, OUR_IDS, SILENT_TICKS, TICK_S, Event, Silence
from . import formats
from .candump import Candump, printable
from .clock import Clock, arrival
from .contents import Contents
from .formats import Logged
from .lines import STDIN, Lines

log = logging.getLogger(__name__)

_ITEMS_PER_PROGRESS = 4096
_HEAD = 500  # so many frames tell the bus


class _Log(Protocol):
    """What Candump and formats.FormatReader have in common."""

    damaged: int
    dropped: int

    def __iter__(self) -> Iterator[Logged | None]: ...


class Recording:
    """Iterates over the frames of battery ids, once, and silence for seconds without one.

    ``end`` is when the last frame came, for times that are relative; without it, that is guessed
    from when the file was modified, with a warning, or refused if the times are ``stored``.
    ``live`` is whether something may still be writing, as into a pipe: then relative times are
    replaced by those of arrival.  ``progress`` is called now and then; ``size`` and ``position``
    are in bytes.

    Frames come from one bus only, the first that has a battery's: the ids of two banks in one
    recording would mix.

    Raises OSError with the recording's name, also for one without any frame of a battery.
    """

    def __init__(self, name: str, end: float | None = None, stored: bool = False) -> None:
        self.name = name
        self.progress: Callable[[], None] = lambda: None
        self._end = end
        self._stored = stored
        self._clock: Clock | None = None
        self._contents = Contents()
        self._bus: str | None = None
        self._ignored_bus = False
        self._log: _Log
        self._file: formats.FormatReader | Lines
        self._lines: Lines | None = None
        self._reader = None if name == STDIN else formats.reader(Path(name))
        if self._reader:
            self._log = self._file = self._reader
        else:
            self._file = self._lines = Lines(name)
            self._log = Candump(self._lines, name)
        self.live = bool(self._lines and self._lines.live)

    @property
    def size(self) -> int:
        """Of the file; 0 if it is not known."""
        return self._file.size

    @property
    def position(self) -> int:
        """How far the file has been read."""
        return self._file.position

    def losses(self) -> dict[str, int]:
        """What was not read: ``damaged`` parts, and ``overflows`` that candump says there were."""
        return {"overflows": self._log.dropped, "damaged": self._log.damaged}

    def find_clock(self) -> None:
        """Find out what the times of a file are; warn of those that are relative, or refuse them.

        Needed only to know it before the first event.
        """
        if self.live:
            if self._end is not None:
                raise self._error("--end is for a file; through a pipe, frames come now")
            return
        self._bus = self._first_bus()
        modified = self._file.modified
        end = modified if self._end is None else self._end
        self._clock = Clock(
            cast(Callable[[], Iterator[Logged]], self._logged), not self._reader, end
        )
        kind = self._clock.kind
        if self._clock.empty:
            return  # which is said at the end
        if self._clock.absolute:
            if self._end is not None:
                raise self._error("--end is for relative times; these are seconds since 1970")
            return
        if self._stored and kind.useless:
            raise self._error(f"{kind.value}, and would be stored; record with 'candump -L'")
        if self._end is not None:
            return
        shown = datetime.fromtimestamp(modified).astimezone().isoformat(" ", "seconds")
        if self._stored:
            raise self._error(
                f"{kind.value}, and would be stored; say when the last frame came, "
                f"such as --end '{shown}' if that was when the file was modified"
            )
        log.warning(
            "%s: %s; they are guessed: the last frame came when the file was modified, %s; "
            "if it did not, say when with --end",
            *(self.name, kind.value, shown),
        )

    def __iter__(self) -> Iterator[Event]:
        try:
            if self._clock is None:
                self.find_clock()
            yield from self._events()
        finally:
            if self._lines:
                self._lines.close()
        if self._bus is None:
            raise self._error(f"no frame of a battery; {self._contents.summary(self._log.damaged)}")

    def _events(self) -> Iterator[Event]:
        newest = None
        timed: Iterable[tuple[float, Logged | None]]
        timed = self._clock or arrival(self._logged(), self.name)
        for time, logged in timed:
            if logged is None:
                yield Silence.SECOND
                continue
            if not self._is_ours(logged):
                continue
            if newest is not None and time - newest > SILENT_TICKS * TICK_S:
                yield from [Silence.SECOND] * SILENT_TICKS
            newest = time
            yield logged.can_id, logged.data, time

    def _logged(self) -> Iterator[Logged | None]:
        """All that was logged, from the beginning."""
        for count, logged in enumerate(self._log, 1):
            if not count % _ITEMS_PER_PROGRESS:
                self.progress()
            yield logged

    def _first_bus(self) -> str | None:
        """The first bus with frames of a battery; a name that occurs once may be damaged."""
        head = filter(None, islice(self._logged(), _HEAD))
        counts = Counter(each.bus for each in head if is_battery(each))
        return next((bus for bus, count in counts.items() if count > 1), None)

    def _is_ours(self, logged: Logged) -> bool:
        ours = is_battery(logged)
        if self._bus is None:
            if not ours:
                self._contents.add(logged)
                return False
            self._bus = logged.bus
        if ours and logged.bus != self._bus and not self._ignored_bus:
            self._ignored_bus = True
            log.warning(
                "%s: frames of %s are ignored: only the first bus, %s, is read",
                *(self.name, printable(logged.bus), printable(self._bus)),
            )
        return ours and logged.bus == self._bus

    def _error(self, problem: str) -> OSError:
        return OSError(errno.EINVAL, problem, self.name)


def no_reading(name: str, frames: int, complete: int) -> OSError:
    """What is wrong with a recording that has ``complete`` bursts, but none with a reading."""
    found = f"no complete burst of a battery in {frames} frames"
    if complete:
        found = f"none of {complete} bursts of batteries can be decoded"
    return OSError(errno.EINVAL, found, name)


def is_battery(logged: Logged) -> bool:
    """A classical data frame of 8 bytes under an id that batteries use."""
    return (
        logged.can_id in OUR_IDS
        and not logged.extended
        and logged.kind == "data"
        and len(logged.data) == FRAME_BYTES
    )
