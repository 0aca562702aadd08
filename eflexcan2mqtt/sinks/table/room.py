"""What a screen has room for: the most urgent is shown, the rest is counted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain

from rich.text import Text

from ...protocol.findings import BankFinding
from .columns import Battery

Lines = Sequence[Text]


def most_urgent(
    batteries: Sequence[Battery], findings: Sequence[BankFinding], room: int
) -> list[Battery]:
    """Those that there is room for, by number; those that need attention come first."""
    if len(batteries) <= room:
        return list(batteries)
    order = [*findings, None]
    urgent = sorted(batteries, key=lambda each: order.index(each.finding))
    shown = urgent[: max(room - 1, 0)]  # a line counts the others
    return sorted(shown, key=lambda each: each.reading["battery_number"])


def worst(sentences: Sequence[Lines], room: int) -> list[Text]:
    """The lines of those that there is room for, from the first; the last counts the others."""
    if sum(map(len, sentences)) <= room:
        return list(chain.from_iterable(sentences))
    shown = whole(sentences, room - 1)
    return [*chain.from_iterable(shown), Text(f"and {len(sentences) - len(shown)} more")]


def whole(blocks: Sequence[Lines], room: int) -> Sequence[Lines]:
    """As many as fit with all their lines, from the first."""
    ends = accumulate(map(len, blocks))
    return blocks[: sum(end <= room for end in ends)]
