"""SavvyCAN's own csv (GVRET), with and without the column Dir.

    Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8
    39747828,00000101,false,Rx,0,8,01,01,0E,02,13,FF,FD,47,

The time stamp is in microseconds, since 1970 or since the adapter was switched on, as SavvyCAN
was set: the file does not say.  An adapter counts in 32 bits, and begins again after 71 minutes.
Bytes behind LEN are filled with 00.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from ..protocol.blocks import FRAME_BYTES
from .formats import Logged
from .line_reader import LineReader

_TURN_S = 2**32 / 1e6
_MINUTE_S = 60
_MOST_BYTES = 64  # of a CAN FD frame
_LINE = re.compile(
    r"\s*(\d+),\s*(?:0x)?([\dA-F]{1,8}),\s*(true|false),(?:\s*[RT]x,)?\s*(\d+),\s*(\d\d?)"
    r"((?:,\s*[\dA-F]{2})*),?\s*",
    re.IGNORECASE | re.ASCII,
)
_HEADER = re.compile(r"\s*Time Stamp,", re.IGNORECASE)


class Gvret(LineReader):
    """The reader of such a recording."""

    name = "GVRET csv"

    def _logged(self, file: BinaryIO) -> Iterator[Logged]:
        turned = newest = 0.0
        for line in self._lines(file):
            logged = _parsed(line)
            if logged is not None:
                if 0 <= logged.stamp + _TURN_S - newest < _MINUTE_S:
                    turned += _TURN_S
                newest = logged.stamp
                yield logged._replace(stamp=logged.stamp + turned) if turned else logged
            elif not _HEADER.match(line):
                self._damaged_line(line)


def _parsed(line: str) -> Logged | None:
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    stamp, can_id, extended, bus, digits, columns = match.groups()
    length, data = int(digits), bytes.fromhex(columns.replace(",", " "))
    if not length <= min(len(data), _MOST_BYTES):
        return None
    return Logged(
        bus=bus,
        can_id=int(can_id, 16),
        extended=extended.lower() == "true",
        kind="data" if length <= FRAME_BYTES else "fd",
        data=data[:length],
        stamp=int(stamp) / 1e6,
    )
