"""Recordings in; what their unknown bytes do, as text, and as a page for a browser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..explore.charts import page_data
from ..explore.report import report
from ..explore.survey import Survey
from ..explore.text import lines
from ..process.progress import Progress
from ..protocol.assembler import Assembler, Record
from ..sinks.one_file import assembled
from ..sources.recording import Recording, no_reading
from . import Finding

PAGE = "explore.html"


def explore(names: Sequence[str], end: float | None, html: Path | None) -> Iterator[Finding]:
    """Read recordings; say what was found in all of them together.

    ``end`` is when the last frame came, for recordings with relative times.  ``html`` is a file
    to which the page is written, too; one that is there is replaced.
    """
    survey = Survey()
    for name in names:
        try:
            _read(survey, name, end)
        except OSError as error:
            yield Finding(False, f"{error.filename or name}: {error.strerror}")
    if not survey.readings:
        return
    survey.end()
    found = report(survey)
    yield from (Finding(True, line) for line in lines(survey, found))
    if html is not None:
        yield _write(html, assembled(PAGE, page_data(survey, found)))


def _read(survey: Survey, name: str, end: float | None) -> None:
    recording = Recording(name, end)
    assembler = Assembler()
    before = survey.readings
    complete = 0
    with Progress(recording) as progress:
        recording.progress = progress
        for event in assembler.events(recording):
            if isinstance(event, Record):
                complete += 1
                survey.add(event)
    if survey.readings == before:
        raise no_reading(name, assembler.frames, complete)


def _write(path: Path, page: str) -> Finding:
    try:
        path.write_text(page, "utf-8")
    except OSError as error:
        return Finding(False, f"{path}: {error.strerror}")
    return Finding(True, f"\n{path}: the same with charts; it needs no network")
