"""Recordings in; what their unknown bytes do, as text, and as a page for a browser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from ..explore.charts import page_data
from ..explore.report import report
from ..explore.survey import Survey
from ..explore.text import lines
from ..process.progress import Progress
from ..protocol.assembler import Assembler, Record
from ..protocol.fields import field
from ..sinks.one_file import assembled
from ..sources.recording import Recording, no_reading
from . import Finding, unreadable
from .new_file import new_file

PAGE = "explore.html"

_SERIAL = field("battery_id")


def explore(names: Sequence[str], end: float | None, html: Path | None) -> Iterator[Finding]:
    """Read recordings; say what was found in all of them together.

    ``end`` is when the last frame came, for recordings with relative times.  ``html`` is a file
    to which the page is written, too.  Raises OSError if that is there, or has no folder.
    """
    with ExitStack() as stack:
        page = stack.enter_context(new_file(html)) if html else None
        reader = _Reader()
        survey = reader.survey
        for name in names:
            try:
                left_out = reader.read(name, end)
            except OSError as error:
                yield unreadable(name, error)
                continue
            if left_out:
                yield Finding(
                    True,
                    f"{name}: left out {left_out} readings, for a recording before it has the "
                    "same batteries at the same times\n",
                )
        if not survey.readings:
            return
        survey.end()
        found = report(survey)
        yield from (Finding(True, line) for line in lines(survey, found))
        if page:
            page.write_text(assembled(PAGE, page_data(survey, found)), "utf-8")
    if html:
        yield Finding(True, f"\n{html}: the same with charts; it needs no network")


class _Reader:
    """Adds recordings to a survey; what two of them have in common counts once."""

    def __init__(self) -> None:
        self.survey = Survey()
        self._covered: defaultdict[bytes, list[tuple[float, float]]] = defaultdict(list)

    def read(self, name: str, end: float | None) -> int:
        """Add one; how many of its readings were left out.  Raises OSError if there is none."""
        recording = Recording(name, end)
        assembler = Assembler()
        added, complete, left_out = self.survey.readings, 0, 0
        times: defaultdict[bytes, list[float]] = defaultdict(list)
        try:
            with Progress(recording):
                for event in assembler.events(recording):
                    if not isinstance(event, Record):
                        continue
                    complete += 1
                    serial = _SERIAL.of(event.status)
                    if any(first <= event.time <= last for first, last in self._covered[serial]):
                        left_out += 1
                        continue
                    times[serial] = [*times[serial][:1], event.time]
                    self.survey.add(event, name)
        finally:  # also what was read before an error
            for serial, found in times.items():
                self._covered[serial].append((found[0], found[-1]))
        if self.survey.readings == added and not left_out:
            raise no_reading(name, assembler.frames, complete)
        return left_out
