"""What a rule is, and what it looks at. Types only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from ..assembler import Record
from ..blocks import CYCLE_S, STATUS, Block, Frame

"""The bits of an id that are the battery's number."""

MOST_BETWEEN_S = 1.5 * CYCLE_S
"""If a battery's next burst comes later than that, one was lost."""


class Over(Enum):
    """What ``holds`` of a rule takes."""

    FRAMES = "the frame before of the same id, or None, and a frame"
    BURST = "a burst"
    BURSTS = "the burst before of the same number, and a burst"
    CYCLE = "a cycle"


class Burst(NamedTuple):
    """A complete burst: its bytes, its Reading, and its frames as they came.

    ``span`` is how many frames of batteries came from its first to its last.
    """

    record: Record
    reading: Mapping[str, Any]
    frames: tuple[Frame, ...]
    span: int


class Round(NamedTuple):
    """A cycle: its complete bursts, as they came.

    ``heard`` are the numbers of all batteries that sent a frame in it; it is empty if it is not
    certain that each battery had its turn.
    """

    bursts: tuple[Burst, ...]
    heard: frozenset[int]


@dataclass(frozen=True)
class Rule:
    """A sentence that recordings keep or break.

    ``holds`` gives None where the precondition is not met.  ``supports`` are the keys of the
    fields that it is evidence of, ``beside`` of those that it compares them with; ``offsets``
    are those of bytes that no field claims, in ``block``.
    """

    sentence: str
    supports: tuple[str, ...]
    over: Over
    holds: Callable[..., bool | None]
    beside: tuple[str, ...] = ()
    offsets: range = range(0)
    block: Block = STATUS
