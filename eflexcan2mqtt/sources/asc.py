"""Vector's text format (.asc): its header, dates and times; the rest is that of any trace."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TextIO, cast

import can

from . import EARLIEST
from .messages import PARSING_ERRORS
from .traces import RESUME, Feed, Trace

log = logging.getLogger(__name__)

_MOST_HEADER_LINES = 1000


class Asc(Trace):
    """Vector's text format: a header with a date, and times since then."""

    name = ".asc"
    # Comments, the header, and events, which have a word where a frame has its id.
    _no_frame = re.compile(
        r";|\s*(?://|(?:date|base|begin|end|(?:no )?internal|previous)\b"
        r"|-?\d+\.\d+\s+(?:\d+\s+)?(?![rt]x\b)(?:[a-z]{2}|J1939))",
        re.IGNORECASE,
    )
    _stamp = re.compile(r"\s*(\d+\.\d+)(?=\s)")
    _date = re.compile(r"\s*(?:date|begin\s+triggerblock)\s+(\S.*?)\s*$", re.IGNORECASE)
    _base = re.compile(r"\s*base\s+(hex|dec)\b(?:\s+timestamps\s+(absolute|relative))?", re.I)

    def _reader(self, lines: Iterator[str]) -> tuple[Iterable[can.Message], Feed]:
        # python-can's header ends at the first line that it does not know, even before the base.
        header = []
        for line in islice(lines, _MOST_HEADER_LINES):
            header.append(line)
            if self._stamp.match(line):
                break
        bases = filter(None, map(self._base.match, header))
        digits, times = next((each.groups("") for each in bases), ("hex", ""))
        self._digits = digits.lower()
        dates = [line for line in header if line.lower().lstrip().startswith("date")]
        others = [line for line in header if line not in dates]
        dated = self._dates(chain(dates, [RESUME], others, lines))
        feed = self._feed(self._summed(dated) if times.lower() == "relative" else dated)
        self._asc = can.ASCReader(cast(TextIO, feed), self._digits, relative_timestamp=False)
        return self._asc, feed

    def _is_absolute(self) -> bool:
        return self._asc.start_time > EARLIEST

    def _dates(self, lines: Iterable[str]) -> Iterator[str]:
        """Leave out the dates that python-can cannot read, as those in French."""
        warned = False
        for line in lines:
            date = self._date.match(line)
            # python-can writes 1970 where it knows no date.
            if date is None or "1970" in line or _reads_date(line):
                yield line
            elif not warned and self.absolute is None:
                warned = True
                log.warning(
                    "%s: the date '%s' cannot be read; times are relative to it",
                    *(self.path, date[1]),
                )

    def _summed(self, lines: Iterable[str]) -> Iterator[str]:
        """Replace times since the line before by times since the start."""
        elapsed = 0.0
        for line in lines:
            stamp = self._stamp.match(line)
            elapsed += float(stamp[1]) if stamp else 0.0
            yield f"{elapsed:.6f}{line[stamp.end() :]}" if stamp else line


def _reads_date(line: str) -> bool:
    # As the first line it is in the header, as the second behind it: each kind has its place.
    reader = can.ASCReader(io.StringIO(f"{line.rstrip()}\n" * 2), relative_timestamp=False)
    try:
        list(reader)
    except PARSING_ERRORS:
        return False
    return reader.start_time > 0
