"""Where frames come from: what an input is called, and what a source is.

A source yields events: frames of battery ids, and ``Silence.SECOND`` for each second without
one.  It either heals itself for ever (a bus) or ends (a recording).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..protocol.blocks import BATTERIES, Event
from ..settings.parsers import EARLIEST as EARLIEST  # others import it from here
from ..settings.parsers import LATEST as LATEST

BUS, SIMULATOR, RECORDING = "can", "simulator", "recording"
DEFAULT_BATTERIES = 14

WRITABLE = (".log", ".log.gz", ".asc", ".blf", ".csv", ".trc")
"""The ends of the names of files that a recording can be converted into."""


class Input(NamedTuple):
    """What ``--input`` names: ``name`` is the channel, the number of batteries or the file."""

    kind: str
    name: str

    def __str__(self) -> str:
        return self.name if self.kind == RECORDING else ":".join(filter(None, self))


def parse_input(text: str) -> Input:
    """What ``--input`` names; raises ValueError saying what was expected."""
    kind, _, name = text.partition(":")
    if kind == BUS:
        return Input(BUS, name)
    if kind == SIMULATOR:
        if name and not (name.isdecimal() and int(name) in BATTERIES):
            raise ValueError(f"'{text}': expected {BATTERIES[0]} to {BATTERIES[-1]} batteries")
        return Input(SIMULATOR, name or str(DEFAULT_BATTERIES))
    if not text:
        raise ValueError("expected can, simulator, a file or -")
    if re.fullmatch(r"v?can\d+", text) and not Path(text).exists():
        raise ValueError(f"'{text}': no such file; did you mean 'can:{text}'?")
    return Input(RECORDING, text)


@dataclass(frozen=True)
class Source:
    """An open input.

    ``batches`` are its events, those together that came at once: work for each batch is cheaper
    than for each of up to 2,000 frames a second.  ``clock`` is the time by which it goes, in
    seconds: a recording has its own.  ``live`` is whether it cannot be kept waiting, as a bus.
    ``losses`` counts what was lost before it could be assembled: ``overflows``, frames that came
    faster than they were read, and ``damaged``, messages that could not be parsed.  ``problem`` is
    a sentence on why there are no frames at present and what to do; empty if all is well.
    """

    batches: Iterable[Sequence[Event]]
    clock: Callable[[], float] = time.monotonic
    live: bool = True
    losses: Callable[[], dict[str, int]] = dict
    problem: Callable[[], str] = str
