"""A candump log in, the batteries' frames out; damage is counted and stepped over.

Two kinds of line are understood, mixed as they like:

    (1715987139.048187) can0 101#01010E0213FFFD47        candump -L, also with R or T behind
      can0  101   [8]  01 01 0E 02 13 FF FD 47           on screen, also with -ta or -td
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from ..protocol.blocks import FRAME_BYTES, OUR_IDS, SILENCE_S, Frame

log = logging.getLogger(__name__)

LONGEST_LINE = 1000
"""Bytes; candump's longest, a CAN FD frame on screen, has about 250."""

LINES_PER_PROGRESS = 4096

_ABSOLUTE_DIGITS = 10  # candump prints seconds since 1970 with ten digits or more, gaps with three

_LOG = re.compile(
    rb"\((?P<time>\d+\.\d+)\)\s+(?P<bus>\S+)\s+(?P<id>[0-9A-Fa-f]{8}|[0-7][0-9A-Fa-f]{2})#"
    rb"(?:(?P<data>(?:[0-9A-Fa-f]{2}){0,8})|R[0-8]?|#[0-9A-Fa-f](?:[0-9A-Fa-f]{2}){0,64})"
    rb"(?:_[9A-Fa-f])?(?:\s+[RT])?\s*"
)
_SCREEN = re.compile(
    rb"\s*(?:\((?P<time>\d+\.\d+)\)\s+)?(?P<bus>\S+)\s+(?:[RT]X\s+\S\s+\S\s+)?"
    rb"(?P<id>[0-9A-Fa-f]{8}|[0-7][0-9A-Fa-f]{2})\s+\[(?P<length>\d\d?)\]\s+"
    rb"(?:(?P<data>[0-9A-Fa-f]{2}(?:\s[0-9A-Fa-f]{2})*)|remote request)?"
    rb"\s*(?:'.*'|ERRORFRAME)?\s*"
)


class Candump:
    """Iterates over the frames of our ids in a log, and None for 3 recorded seconds without one.

    ``name`` is what messages call the file.  ``progress`` is called now and then.
    ``time`` is the time of the newest line: as recorded, or for lines that show no time the
    moment of reading; gaps (-td) are added up from that.  ``damaged`` counts lines that are
    nothing candump prints; the first is logged.

    Frames come from one bus only, the first with a frame of ours: the ids of two banks in
    one log would mix.
    """

    def __init__(
        self, file: BinaryIO, name: str, progress: Callable[[], None] = lambda: None
    ) -> None:
        self.name = name
        self.lines = 0
        self.damaged = 0
        self.time = 0.0
        self._file = file
        self._progress = progress
        self._bus: bytes | None = None
        self._ignored_bus = False

    def __iter__(self) -> Iterator[Frame | None]:
        newest = None
        while line := self._file.readline(LONGEST_LINE):
            self.lines += 1
            if not self.lines % LINES_PER_PROGRESS:
                self._progress()
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                self._skip_line()
                self._report_damage(line)
                continue
            frame = self._frame(line)
            if frame is not None:
                if newest is not None and self.time - newest > SILENCE_S:
                    yield None
                newest = self.time
                yield frame
        if self.damaged:
            log.warning("%s: skipped %d of %d lines", self.name, self.damaged, self.lines)

    def _skip_line(self) -> None:
        while part := self._file.readline(LONGEST_LINE):
            if part.endswith(b"\n"):
                break

    def _frame(self, line: bytes) -> Frame | None:
        match = _LOG.fullmatch(line) or _SCREEN.fullmatch(line)
        if match is None:
            if line.strip():
                self._report_damage(line)
            return None
        found = match.groupdict()
        data = bytes.fromhex((found["data"] or b"").decode())
        # Two digits of length are CAN FD; no data is a remote frame, or none at all.
        length = found.get("length")
        if length is not None and data and len(length) == 1 and len(data) != int(length):
            self._report_damage(line)
            return None
        self._tell_time(found["time"])
        if len(found["id"]) != 3 or len(data) != FRAME_BYTES or (length and len(length) != 1):
            return None
        can_id = int(found["id"], 16)
        if can_id not in OUR_IDS or not self._is_our_bus(found["bus"]):
            return None
        return can_id, data, self.time

    def _tell_time(self, stamp: bytes | None) -> None:
        if stamp is None:
            self.time = time.time()
        elif stamp.index(b".") >= _ABSOLUTE_DIGITS:
            self.time = float(stamp)
        else:
            self.time = (self.time or time.time()) + float(stamp)

    def _is_our_bus(self, bus: bytes) -> bool:
        if self._bus is None:
            self._bus = bus
        if bus == self._bus:
            return True
        if not self._ignored_bus:
            self._ignored_bus = True
            log.warning(
                "%s:%d: frames of %s are left out, those of %s came first",
                *(self.name, self.lines, _text(bus), _text(self._bus)),
            )
        return False

    def _report_damage(self, line: bytes) -> None:
        self.damaged += 1
        if self.damaged == 1:
            log.warning(
                "%s:%d: expected a line of candump, found '%s'",
                *(self.name, self.lines, _text(line.strip()[:60])),
            )


def _text(found: bytes) -> str:
    """Bytes of a log, fit to be shown in a terminal."""
    text = found.decode("ascii", "backslashreplace")
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)
