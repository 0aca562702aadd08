"""Recordings in; how often they kept and broke each rule of the field table, as text or JSON.

An exception to a rule is what one looks for, not a failure: only a recording that cannot be read
is a bad finding.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from ..process.progress import Progress
from ..protocol.evidence.report import RecordingReport, Report, RuleReport, ShownException
from ..protocol.evidence.tally import Tally
from ..sources.recording import Recording, no_reading
from . import Finding, left_out, unreadable


def evidence(names: Sequence[str], end: float | None, as_json: bool) -> Iterator[Finding]:
    """Judge recordings; a bad finding for each that cannot be read, then what was counted.

    ``end`` is when the last frame came, for recordings with relative times.
    """
    tally = Tally()
    for name in names:
        try:
            recording = Recording(name, end)
            with Progress(recording):
                counted = tally.add(name, recording)
            if not (counted["bursts"] or counted["left_out"]):
                raise no_reading(name, counted["frames"], counted["undecodable"])
        except OSError as error:
            yield unreadable(name, error)
    report = tally.report()
    if as_json or any(each["bursts"] for each in report["recordings"]):
        yield Finding(True, json.dumps(report) if as_json else "\n".join(_lines(report)))


def _lines(report: Report) -> Iterator[str]:
    for each in report["recordings"]:
        yield _recording(each)
        if each["left_out"]:
            yield left_out(each["recording"], each["left_out"])
    for rule in report["rules"]:
        yield _rule(rule)
        for shown in rule["exceptions"]:
            yield from _exception(shown)


def _recording(report: RecordingReport) -> str:
    batteries = ", ".join(map(str, report["batteries"]))
    software = ", ".join(map(str, report["software"]))
    lost = f", {report['undecodable']} undecodable" if report["undecodable"] else ""
    return (
        f"{report['recording']}: {report['frames']} frames, {report['bursts']} complete bursts"
        f"{lost}; batteries {batteries or 'none'}; software {software or 'unknown'}"
    )


def _rule(report: RuleReport) -> str:
    share = f"{report['held']}/{report['met']}" if report["met"] else "never met"
    return f"{share:>13}  {report['rule']}"


def _exception(shown: ShownException) -> Iterator[str]:
    batteries = ", ".join(map(str, shown["batteries"]))
    # Not local: what one person shows is found by another.
    time = datetime.fromtimestamp(shown["time"], timezone.utc).isoformat("T", "seconds")
    yield f"{'':15}- {shown['recording']}, battery {batteries}, {time.removesuffix('+00:00')}Z"
    yield from (f"{'':17}{frame}" for frame in shown["frames"])
