"""A recording by candump in, what it logged out; damaged lines are skipped and counted.

Two kinds of line are understood, in any mix:

    (1715987139.048187) can0 101#01010E0213FFFD47        candump -L, also with R or T behind
      can0  101   [8]  01 01 0E 02 13 FF FD 47           on screen, with any options

python-can's .log is of the first kind, the dumps of Battery-Emulator are like the second:

    (331.420) RX0 101 [8] 01 01 0E 02 13 FF FD 47
"""

from __future__ import annotations

import errno
import logging
import math
import re
from collections.abc import Iterable, Iterator

from .clock import LocalTime
from .formats import FrameKind, Logged
from .lines import LONGEST

log = logging.getLogger(__name__)

_DATE = rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+"
_TIME = rb"\((?P<time>-?\d+\.\d+|" + _DATE + rb")\)\s+"
_BUS = rb"(?P<bus>[^\s()#]+)\s+"
_ID = rb"(?P<id>[0-9A-Fa-f]{8}|[0-7][0-9A-Fa-f]{2})"
_LOG = re.compile(
    _TIME + _BUS + _ID + rb"#"
    rb"(?:(?P<data>(?:[0-9A-Fa-f]{2}){0,8})|(?P<remote>R[0-8]?)"
    rb"|#[0-9A-Fa-f](?:[0-9A-Fa-f]{2}){0,64})"
    rb"(?:_[9A-Fa-f])?(?:\s+[RT])?\s*"
)
_ON_SCREEN = (
    rb"\s*(?:" + _TIME + rb")?(?:(?P<emulator>[RT]X\d+)\s+(?P<any_id>[0-9A-Fa-f]{1,8})"
    # Some programs show no bus; without a time, too, it is a line that was cut.
    rb"|(?:" + _BUS + rb"(?:[RT]X\s+\S\s+\S\s+)?|(?(time)|(?!)))" + _ID + rb")"
    rb"\s+(?:\[(?P<length>\d\d?)\]|\{[9A-F]\})"
)
_BYTES = rb"[0-9A-Fa-f]{2}(?:\s[0-9A-Fa-f]{2})*"
_SCREEN = re.compile(
    _ON_SCREEN + rb"(?:\s+(?:(?P<data>" + _BYTES + rb")|(?P<remote>remote request)))?"
    rb"(?:\s+(?:'.*'|(?P<error>ERRORFRAME)))?\s*"
)
_COLOUR = re.compile(rb"\x1b\[[\d;]*m")
_DROPPED = re.compile(rb"DROPCOUNT: dropped (\d{1,9}) CAN frames? on .*")  # candump -d
_EXPLAINED = re.compile(rb"\t[a-z][a-z-]*(?:[{,].*)?\s*")  # candump -e, below an error frame

# What these options show cannot be read.
_UNREADABLE = {
    "-S: bytes are reversed": re.compile(
        _ON_SCREEN + rb"\s+[0-9A-Fa-f]{2}(?:`[0-9A-Fa-f]{2})+(?:\s.*)?"
    ),
    "-i: bytes are binary": re.compile(_ON_SCREEN + rb"\s+[01]{8}(?:[\s`][01]{8})*(?:\s.*)?"),
}

_ERROR_FLAG = 0x20000000


class Candump:
    """Iterates over what the lines of a recording logged; None for each second without a line.

    ``name`` is what messages call the recording.  A stamp is not a number where a line has none.
    ``damaged`` counts lines that candump would not print, the first is logged; ``dropped`` are
    frames that candump says it has lost.  Raises OSError with the name for a recording with an
    option whose lines cannot be read.
    """

    absolute = None

    def __init__(self, lines: Iterable[bytes | None], name: str) -> None:
        self.name = name
        self.count = 0
        self.damaged = 0
        self.dropped = 0
        self._lines = lines
        self._local_time = LocalTime()
        self._reported = False
        self._summed_up = False

    def __iter__(self) -> Iterator[Logged | None]:
        self.count = self.damaged = self.dropped = 0
        for line in self._lines:
            if line is None:
                yield None
                continue
            self.count += 1
            logged = self._logged(_COLOUR.sub(b"", line) if b"\x1b" in line else line)
            if logged is not None:
                yield logged
        if self.damaged and not self._summed_up:
            self._summed_up = True
            log.warning("%s: skipped %d of %d lines", self.name, self.damaged, self.count)

    def _logged(self, line: bytes) -> Logged | None:
        match = _LOG.fullmatch(line) if len(line) <= LONGEST else None
        if match is not None:
            stamp, bus, can_id, data, remote = match.groups()
            kind: FrameKind = "data" if data is not None else "remote" if remote else "fd"
            return self._made(bus, can_id, kind, data or b"", stamp)
        match = _SCREEN.fullmatch(line) if len(line) <= LONGEST else None
        if match is None:
            self._other(line)
            return None
        found = match.groupdict()
        bytes_, length = found["data"] or b"", found["length"] or b"8"
        kind = "remote" if found["remote"] else "error" if found["error"] else "data"
        # That of CAN FD has two digits.
        if len(length) == 2:
            kind = "fd"
        elif kind == "data" and len(bytes_.split()) != int(length):
            self._other(line)
            return None
        bus = found["bus"] or found["emulator"] or b""
        return self._made(bus, found["id"] or found["any_id"], kind, bytes_, found["time"])

    def _made(
        self, bus: bytes, can_id: bytes, kind: FrameKind, data: bytes, stamp: bytes | None
    ) -> Logged:
        extended = len(can_id) != 3
        number = int(can_id, 16)
        if extended and number & _ERROR_FLAG:
            kind = "error"
        if stamp is None:
            time = math.nan
        else:
            time = self._local_time(stamp) if b" " in stamp else float(stamp)
        return Logged(
            bus.decode("latin-1"), number, extended, kind, bytes.fromhex(data.decode()), time
        )

    def _other(self, line: bytes) -> None:
        """A line that is no frame: blank, a note of candump's, or damaged."""
        if not line.strip() or _EXPLAINED.fullmatch(line):
            return
        dropped = _DROPPED.match(line)
        if dropped:
            self.dropped += int(dropped[1])
            return
        for option, pattern in _UNREADABLE.items():
            if pattern.fullmatch(line):
                problem = f"this is candump {option}; record with 'candump -L'"
                raise OSError(errno.EINVAL, problem, self.name)
        self.damaged += 1
        if not self._reported:
            self._reported = True
            log.warning(
                "%s:%d: expected a line of candump, found '%s'",
                *(self.name, self.count, printable(line.strip()[:60].decode("latin-1"))),
            )


def printable(text: str) -> str:
    """What a recording shows, safe to show in a terminal."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)
