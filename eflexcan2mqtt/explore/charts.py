"""A survey and its report in, what the HTML page shows out, ready for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..protocol.assembler import Record
from .changes import WHOLE
from .known import KNOWN, Known, known_values
from .report import ByteFacts, ExploreReport, Relation, numbers
from .survey import Survey, unclaimed_bytes
from .text import NOTHING, also, notes, summary
from .verdict import Association


def page_data(survey: Survey, report: ExploreReport) -> dict[str, Any]:
    """Claims and bytes, each with a chart of the battery in which it changed most."""
    return {
        "summary": summary(survey),
        "nothing": NOTHING,
        "claims": [
            {
                "title": each.title,
                "sentence": each.sentence,
                "notes": [f"or it {also(other)}" for other in each.related[1:]],
                "warning": each.warning,
                "chart": _claim_chart(survey, each),
            }
            for each in report.claims
        ],
        "bytes": [
            {
                "title": each.title,
                "values": each.values,
                "changes": each.changes,
                "notes": list(notes(each)),
                "warning": each.warning,
                "related": [
                    {"name": name, "rows": [_row(other) for other in rows]}
                    for name, rows in _named(each)
                ],
                "chart": _chart(survey, (each.place,), WHOLE, None) if each.changes else None,
            }
            for each in report.bytes
        ],
    }


def _named(facts: ByteFacts) -> Iterator[tuple[str, Sequence[Association]]]:
    """Every known number that changed, for the byte and for each of its bits, if it did."""
    if facts.related:
        yield "The byte", facts.related
    for bit, related in facts.of_bits.items():
        yield f"Bit {bit}", related


def _row(each: Association) -> list[str | int]:
    way = "" if each.same_way else "the other way round: "
    return [str(each.known), each.lag, f"{way}{numbers(each)}"]


def _claim_chart(survey: Survey, claim: Relation) -> dict[str, Any]:
    known = claim.related[0].known if claim.related else None
    return _chart(survey, claim.places, claim.bit, known)


def _chart(survey: Survey, places: Sequence[int], bit: int, known: Known | None) -> dict[str, Any]:
    """``known`` is shown as it was sent."""
    changes = {
        serial: sum(each.changes[at] for at in places) for serial, each in survey.batteries.items()
    }
    battery = survey.batteries[max(changes, key=changes.__getitem__)]
    points = sorted(battery.series.points, key=lambda each: each.time)
    found: dict[str, Any] = {
        "battery": battery.number,
        "time": [round(each.time) for each in points],
        "values": [_value(each, places, bit) for each in points],
    }
    if known:
        at = KNOWN.index(known)
        found["known"] = str(known)
        found["beside"] = [known_values(each.status, each.cells)[at] for each in points]
    return found


def _value(record: Record, places: Sequence[int], bit: int) -> int:
    unknown = unclaimed_bytes(record)
    value = int.from_bytes([unknown[at] for at in places], "big")
    return value if bit == WHOLE else value >> bit & 1
