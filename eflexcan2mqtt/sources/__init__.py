"""Where frames come from: what an input is called, and what a source is.

A source yields events: frames of battery ids, and ``Silence.SECOND`` for each second without
one.  It either heals itself for ever (a bus) or ends (a recording).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ..protocol.blocks import Event

BUS, SIMULATOR, RECORDING = "can", "simulator", "recording"


class Input(NamedTuple):
    """What ``--input`` names: ``name`` is the channel, the number of batteries or the file."""

    kind: str
    name: str

    def __str__(self) -> str:
        return self.name if self.kind == RECORDING else ":".join(filter(None, self))


@dataclass(frozen=True)
class Source:
    """An open input.

    ``clock`` is the time by which it goes, in seconds: a recording has its own.  ``live`` is
    whether it cannot be kept waiting, as a bus.  ``overflows`` counts frames that came faster
    than they were read.
    """

    events: Iterable[Event]
    clock: Callable[[], float] = time.monotonic
    live: bool = True
    overflows: Callable[[], int] = int
