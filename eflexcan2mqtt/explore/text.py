"""A survey and its report in, lines for people out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ..protocol.unclaimed import UNCLAIMED
from ..protocol.values import Serial
from .report import MOST_RELATED, ByteFacts, ExploreReport, Relation, numbers, sentence
from .survey import Survey
from .verdict import CLAIM_P, Association

NOTHING = "nothing: no unknown byte follows a field or counts, as far as these recordings show"


def lines(survey: Survey, report: ExploreReport) -> Iterator[str]:
    """The whole report."""
    yield from (summary(survey), "", f"What is no chance (p < {CLAIM_P:g}), the surest first")
    for place, each in enumerate(report.claims, 1):
        yield f"{place:3}. {each.title} {each.sentence}"
        yield from (f"     or it {also(other)}" for other in each.related[1:])
        yield from _warned("     ", each)
    if not report.claims:
        yield f"  {NOTHING}"
    yield from ("", "Each byte and bit that no field claims, with the closest fields")
    yield "The page (--html PAGE) has all fields, for bytes and for bits"
    yield f"  {'byte':21} {'offset':>6} {'changes':>8}  values and how often"
    for facts in report.bytes:
        byte = UNCLAIMED[facts.place]
        yield f"  {facts.title:21} {byte.offset:6} {facts.changes:8}  {facts.values}"
        yield from (f"      {note}" for note in notes(facts))
        yield from _warned("      ", facts)


def also(each: Association) -> str:
    """A sentence and its numbers."""
    return f"{sentence(each)} ({numbers(each)})"


def summary(survey: Survey) -> str:
    """What was read."""
    firmware = ", ".join(map(str, sorted(survey.by_firmware)))
    span = f"{_local(survey.first)} to {_local(survey.last)}"
    batteries = len(survey.batteries)
    lost = f", {survey.undecodable} without a serial number" if survey.undecodable else ""
    if any(map(Serial.is_made_up, survey.batteries)):
        lost += "; made-up serial numbers are counted anew in each recording"
    return f"{survey.readings} readings of {batteries} batteries, software {firmware}, {span}{lost}"


def notes(facts: ByteFacts) -> Iterator[str]:
    """What there is to say of a byte besides its values and its warning."""
    if facts.first:
        shown = [
            f"{_local(each.time)} battery {each.battery} {each.before:02X} to {each.now:02X}"
            for each in facts.first
        ]
        yield f"first changes: {', '.join(shown)}"
    if facts.bits:
        yield f"bits that changed: {facts.bits}"
    claimed = [each for each in facts.related[:MOST_RELATED] if each.claimed]
    yield from (also(each) for each in claimed or facts.related[:1])
    if facts.constant:
        yield facts.constant


def _warned(indent: str, each: Relation | ByteFacts) -> Iterator[str]:
    if each.warning:
        yield f"{indent}Warning: {each.warning}"


def _local(time: float) -> str:
    return datetime.fromtimestamp(time).isoformat(" ", "seconds")
