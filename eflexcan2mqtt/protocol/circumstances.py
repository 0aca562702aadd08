"""How bus and broker are: what attention judges beside readings, and the words for it. No I/O."""

from __future__ import annotations

from typing import NamedTuple

from .loss import Loss
from .measures import Words


class Circumstances(NamedTuple):
    """What no reading tells: ``lossy`` is the verdict on a lossy bus; ``incomplete`` has the
    batteries that send and whose latest burst is not complete, ``two_batteries`` the numbers under
    which two send; ``broker_away`` is None without a broker; ``problem`` is a sentence on why there
    are no frames, if that is known."""

    lossy: Loss | None = None
    incomplete: frozenset[int] = frozenset()
    two_batteries: tuple[int, ...] = ()
    broker_away: bool | None = None
    problem: str = ""


def missing_words() -> Words:
    return None, "no reading, while others send"


def stale_words(problem: str = "") -> Words:
    return None, problem or "No reading from any battery"


def lossy_words(loss: Loss) -> Words:
    whose = f", all those of number {', '.join(map(str, loss.never))}" if loss.never else ""
    return None, f"The bus is lossy: {100 * loss.share:.0f} % of the bursts are incomplete{whose}"


def two_batteries_words(numbers: tuple[int, ...]) -> Words:
    return None, f"Two batteries send as number {', '.join(map(str, numbers))}"


def away_words() -> Words:
    return None, "The broker is away"
