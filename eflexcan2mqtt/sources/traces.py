"""The text formats that python-can parses: PEAK's .trc, its own .csv and, in asc.py, Vector's.

python-can's readers end at a damaged line, or pass it over without a word; some take half a byte
at a cut for a whole one.  Here a damaged line costs that line, and is counted.
"""

from __future__ import annotations

import io
import logging
import math
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, TextIO, cast

import can

from ..protocol.blocks import FRAME_BYTES
from . import EARLIEST
from .formats import FrameKind, Logged
from .line_reader import LineReader
from .messages import PARSING_ERRORS

# Some of its readers warn of each line; FormatReader counts them.
logging.getLogger("can.io").setLevel(logging.ERROR)

RESUME = ";\n"
"""A reader that is iterated over anew takes this line for the end of the header."""


class Feed(io.TextIOBase):
    """Lines that a reader of python-can takes for a text file.

    ``answered`` is whether it has made a message of the present ``line``; if not, the line is
    given to ``passed_over`` before the next is read.  ``ended`` is whether there are no more.
    """

    def __init__(self, lines: Iterable[str], passed_over: Callable[[str], None]) -> None:
        self.line = ""
        self.answered = True
        self.resuming = False
        self.ended = False
        self._lines = iter(lines)
        self._passed_over = passed_over

    def __iter__(self) -> Feed:  # type: ignore[override]
        return self

    def __next__(self) -> str:  # type: ignore[override]
        if self.resuming:
            self.resuming = False
            return RESUME
        if not self.answered:
            self.answered = True
            self._passed_over(self.line)
        line = next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.line, self.answered = line, False
        return line


class Trace(LineReader):
    """A recording in a text format of python-can."""

    _no_frame: re.Pattern[str]  # lines that are not damaged and have no frame
    _digits = "hex"

    @abstractmethod
    def _reader(self, lines: Iterator[str]) -> tuple[Iterable[can.Message], Feed]:
        """python-can's reader of these lines, and what feeds it."""

    def _is_absolute(self) -> bool | None:
        return None

    def _shown(self, message: can.Message, line: str) -> bool:
        """Whether the line shows each byte in full, and nothing of another line behind them."""
        if self._digits != "hex":
            return self._digits != "dec" or line.endswith("\n")
        shown = f" {message.data.hex(' ')} "
        _, found, behind = f"{' '.join(line.lower().split())} ".partition(shown)
        # A time behind them is another line's; fewer bytes may look like what stands before them.
        another = len(message.data) >= FRAME_BYTES and "." in behind
        return not message.data or (bool(found) and not another)

    def _logged(self, file: BinaryIO) -> Iterator[Logged]:
        reader, feed = self._reader(self._lines(file))
        while not feed.ended:
            try:
                for message in reader:
                    feed.answered = True
                    logged = logged_by(message)
                    if logged is None or not self._shown(message, feed.line):
                        self._damaged_line(feed.line)
                        continue
                    self.absolute = self._is_absolute()
                    yield logged
            except PARSING_ERRORS:
                feed.answered = feed.resuming = True
                self._damaged_line(feed.line)

    def _feed(self, lines: Iterable[str]) -> Feed:
        return Feed(lines, self._passed_over)

    def _passed_over(self, line: str) -> None:
        if not self._no_frame.match(line):
            self._damaged_line(line)


class Trc(Trace):
    """PEAK's text format, versions 1.0, 1.1, 1.3, 2.0 and 2.1."""

    name = ".trc"
    # Comments and events, which have a word where a frame has Rx, Tx or its type.
    _no_frame = re.compile(
        r"\s*(?:;|\d+\)?\s+[\d.]+\s+(?:\d+\s+)?(?:Error|Warng|Event|FFFFFFFF|E[RCV]|ST)\b)"
    )

    def _reader(self, lines: Iterator[str]) -> tuple[Iterable[can.Message], Feed]:
        feed = self._feed(lines)
        self._trc = can.TRCReader(cast(TextIO, feed))
        return self._trc, feed

    def _is_absolute(self) -> bool:
        start = self._trc.start_time
        return start is not None and start.timestamp() > EARLIEST


class Csv(Trace):
    """python-can's own csv; its times are whatever the interface gave."""

    name = "python-can's csv"
    _no_frame = re.compile("timestamp,")
    _digits = "base64"  # if that is cut, it has another length

    def _reader(self, lines: Iterator[str]) -> tuple[Iterable[can.Message], Feed]:
        feed = self._feed(lines)
        return can.CSVReader(cast(TextIO, feed)), feed


def logged_by(message: can.Message) -> Logged | None:
    """What a message of python-can says; None if it contradicts itself, as damage makes it."""
    kind: FrameKind = "data"
    if message.is_error_frame:
        kind = "error"
    elif message.is_remote_frame:
        kind = "remote"
    elif message.is_fd:
        kind = "fd"
    data = bytes(message.data)
    if not math.isfinite(message.timestamp) or (kind == "data" and len(data) != message.dlc):
        return None
    bus = "" if message.channel is None else str(message.channel)
    return Logged(
        bus, message.arbitration_id, message.is_extended_id, kind, data, message.timestamp
    )
