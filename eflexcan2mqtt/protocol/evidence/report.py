"""What is counted of a rule and of a recording, ready for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from ..blocks import NUMBER_MASK, PAYLOAD_BYTES, Frame, as_candump
from ..fields import FIELDS, Derived, Field
from .rule import Rule

MOST_EXCEPTIONS = 3
"""So many exceptions to a rule are shown, the first ones; all are counted."""


class ShownException(TypedDict):
    """``time`` is that of the last of the ``frames``, which are as ``candump -L`` writes them."""

    recording: str
    time: float
    batteries: list[int]
    frames: list[str]


class RuleReport(TypedDict):
    """How often the precondition of a rule was ``met``, and how often the rule then ``held``."""

    rule: str
    supports: list[str]
    met: int
    held: int
    exceptions: list[ShownException]


class RecordingReport(TypedDict):
    """What was judged of a recording; not the ``undecodable`` bursts, nor those ``left_out`` as an
    earlier recording has them, too."""

    recording: str
    frames: int
    bursts: int
    undecodable: int
    left_out: int
    batteries: list[int]
    software: list[int]


class Report(TypedDict):
    """All that ``evidence --json`` prints; the rules count over all recordings."""

    recordings: list[RecordingReport]
    rules: list[RuleReport]


@dataclass
class Count:
    """What became of one rule."""

    rule: Rule
    places: frozenset[tuple[int, int]]
    met: int = 0
    held: int = 0
    exceptions: list[ShownException] = field(default_factory=list)

    def broken(self, recording: str, frames: Sequence[Frame]) -> None:
        """Keep the first exceptions; ``frames`` are those of all that the rule looked at."""
        if len(self.exceptions) == MOST_EXCEPTIONS:
            return
        places = self.places
        shown = [
            each for each in frames if not places or (each[0] & ~NUMBER_MASK, each[1][0]) in places
        ]
        self.exceptions.append(
            {
                "recording": recording,
                "time": shown[-1][2],
                "batteries": sorted({can_id & NUMBER_MASK for can_id, *_ in shown}),
                "frames": list(map(as_candump, shown)),
            }
        )

    def report(self) -> RuleReport:
        """Ready for JSON."""
        return {
            "rule": self.rule.sentence,
            "supports": list(self.rule.supports),
            "met": self.met,
            "held": self.held,
            "exceptions": self.exceptions,
        }


def places_of(rule: Rule) -> frozenset[tuple[int, int]]:
    """The base id and the marker of each frame that shows what a rule looks at."""
    spans = [(rule.block, rule.offsets)] if rule.offsets else []
    keys = [*rule.supports, *rule.beside]
    for each in FIELDS:
        if isinstance(each, Derived) and each.key in keys:
            keys += each.of
    for sent in FIELDS:
        if isinstance(sent, Field) and sent.key in keys:
            spans.append((sent.block, sent.span))
    return frozenset(
        (block.base_id, block.markers[at // PAYLOAD_BYTES]) for block, span in spans for at in span
    )
