"""Recordings in; what their unknown bytes do, as text, and as a page for a browser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from ..explore.charts import page_data
from ..explore.report import report
from ..explore.survey import Survey
from ..explore.text import lines
from ..process.progress import Progress
from ..protocol.assembler import Assembler, Record
from ..protocol.overlap import Overlap
from ..sinks.one_file import assembled
from ..sources.recording import Recording, no_reading
from . import Finding, left_out, unreadable
from .new_file import new_file

PAGE = "explore.html"


def explore(names: Sequence[str], end: float | None, html: Path | None) -> Iterator[Finding]:
    """Read recordings; say what was found in all of them together.

    ``end`` is when the last frame came, for recordings with relative times.  ``html`` is a file
    to which the page is written, too.  Raises OSError if that is there, or has no folder.
    """
    with ExitStack() as stack:
        page = stack.enter_context(new_file(html)) if html else None
        survey, overlap = Survey(), Overlap()
        for name in names:
            try:
                common = _read(name, end, survey, overlap)
            except OSError as error:
                yield unreadable(name, error)
                continue
            if common:
                yield Finding(True, f"{left_out(name, common)}\n")
        if not survey.readings:
            return
        survey.end()
        found = report(survey)
        yield from (Finding(True, line) for line in lines(survey, found))
        if page:
            page.write_text(assembled(PAGE, page_data(survey, found)), "utf-8")
    if html:
        yield Finding(True, f"\n{html}: the same with charts; it needs no network")


def _read(name: str, end: float | None, survey: Survey, overlap: Overlap) -> int:
    """Add a recording; how many of its readings were left out.  Raises OSError if there is none."""
    recording = Recording(name, end)
    assembler = Assembler()
    added, complete, common = survey.readings, 0, 0
    try:
        with Progress(recording):
            for event in assembler.events(recording):
                if isinstance(event, Record):
                    complete += 1
                    if overlap.has(event):
                        common += 1
                    else:
                        survey.add(event, name)
    finally:  # also what was read before an error
        overlap.end()
    if survey.readings == added and not common:
        raise no_reading(name, assembler.frames, complete)
    return common
