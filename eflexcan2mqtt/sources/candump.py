"""A recording by candump in, the batteries' frames out; damaged lines are skipped and counted.

Two kinds of line are understood, in any mix:

    (1715987139.048187) can0 101#01010E0213FFFD47        candump -L, also with R or T behind
      can0  101   [8]  01 01 0E 02 13 FF FD 47           on screen, also with -ta or -td
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator

from ..protocol.blocks import FRAME_BYTES, OUR_IDS, SILENT_TICKS, TICK_S, Event, Frame, Silence
from .lines import LONGEST

log = logging.getLogger(__name__)

LINES_PER_PROGRESS = 4096

_ABSOLUTE_DIGITS = 10  # candump prints seconds since 1970 with ten digits or more, gaps with three

_LOG = re.compile(
    rb"\((?P<time>\d+\.\d+)\)\s+(?P<bus>\S+)\s+(?P<id>[0-9A-Fa-f]{8}|[0-7][0-9A-Fa-f]{2})#"
    rb"(?:(?P<data>(?:[0-9A-Fa-f]{2}){0,8})|R[0-8]?|#[0-9A-Fa-f](?:[0-9A-Fa-f]{2}){0,64})"
    rb"(?:_[9A-Fa-f])?(?:\s+[RT])?\s*"
)
_SCREEN = re.compile(
    rb"\s*(?:\((?P<time>\d+\.\d+)\)\s+)?(?P<bus>\S+)\s+(?:[RT]X\s+\S\s+\S\s+)?"
    rb"(?P<id>[0-9A-Fa-f]{8}|[0-7][0-9A-Fa-f]{2})\s+\[(?P<length>\d\d?)\]"
    rb"(?:\s+(?:(?P<data>[0-9A-Fa-f]{2}(?:\s[0-9A-Fa-f]{2})*)|(?P<remote>remote request)))?"
    rb"(?:\s+(?:'.*'|ERRORFRAME))?\s*"
)


class Candump:
    """Iterates over the frames of battery ids in a recording, and silence for seconds without one.

    ``name`` is what messages call the recording; ``lines`` are its lines, and None for each
    second of waiting.  ``clock`` gives the time of lines without one; gaps (-td) are added up
    from there.  ``progress`` is called now and then.  ``damaged`` counts lines that candump
    would not print; the first is logged.

    Frames come from one bus only, the first that has a battery's: the ids of two banks in one
    recording would mix.
    """

    def __init__(
        self,
        lines: Iterable[bytes | None],
        name: str,
        clock: Callable[[], float] = time.time,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.count = 0
        self.damaged = 0
        self._lines = lines
        self._clock = clock
        self._progress = progress
        self._time = 0.0
        self._bus: bytes | None = None
        self._ignored_bus = False

    def __iter__(self) -> Iterator[Event]:
        newest = None
        for line in self._lines:
            if line is None:
                yield Silence.SECOND
                continue
            self.count += 1
            if not self.count % LINES_PER_PROGRESS:
                self._progress()
            frame = self._frame(line)
            if frame is None:
                continue
            if newest is not None and self._time - newest > SILENT_TICKS * TICK_S:
                yield from [Silence.SECOND] * SILENT_TICKS
            newest = self._time
            yield frame
        if newest is None and self.count:
            log.warning("%s: no frame of a battery in %d lines", self.name, self.count)
        if self.damaged:
            log.warning("%s: skipped %d of %d lines", self.name, self.damaged, self.count)

    def _frame(self, line: bytes) -> Frame | None:
        match = _LOG.fullmatch(line) or _SCREEN.fullmatch(line)
        if match is None or len(line) > LONGEST:
            if line.strip():
                self._report_damage(line)
            return None
        found = match.groupdict()
        data = bytes.fromhex((found["data"] or b"").decode())
        # Only lines of the screen show a length; that of CAN FD has two digits.
        length = found.get("length") or b""
        if len(length) == 1 and not found.get("remote") and len(data) != int(length):
            self._report_damage(line)
            return None
        self._set_time(found["time"])
        if len(found["id"]) != 3 or len(data) != FRAME_BYTES or len(length) > 1:
            return None
        can_id = int(found["id"], 16)
        if can_id not in OUR_IDS or not self._is_our_bus(found["bus"]):
            return None
        return can_id, data, self._time

    def _set_time(self, stamp: bytes | None) -> None:
        if stamp is None:
            self._time = self._clock()
        elif stamp.index(b".") >= _ABSOLUTE_DIGITS:
            self._time = float(stamp)
        else:
            self._time = (self._time or self._clock()) + float(stamp)

    def _is_our_bus(self, bus: bytes) -> bool:
        if self._bus is None:
            self._bus = bus
        if bus == self._bus:
            return True
        if not self._ignored_bus:
            self._ignored_bus = True
            log.warning(
                "%s:%d: frames of %s are ignored: only the first bus, %s, is read",
                *(self.name, self.count, _text(bus), _text(self._bus)),
            )
        return False

    def _report_damage(self, line: bytes) -> None:
        self.damaged += 1
        if self.damaged == 1:
            log.warning(
                "%s:%d: expected a line of candump, found '%s'",
                *(self.name, self.count, _text(line.strip()[:60])),
            )


def _text(found: bytes) -> str:
    """Bytes of a recording, safe to show in a terminal."""
    text = found.decode("ascii", "backslashreplace")
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)
