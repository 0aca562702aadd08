"""A simulated bank with faults, and what needs attention in it, without waiting for either."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

from eflexcan2mqtt.protocol.attention import Attention
from eflexcan2mqtt.protocol.blocks import Frame
from eflexcan2mqtt.protocol.findings import BankFinding
from eflexcan2mqtt.protocol.reading import Reading
from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.faults import parse

from .bank import START, decoded

FAULTY = "relay_open:3@0, cell_low:3:12@0, missing:5@60, hot:9@0, cell_low:12:4@0"
"""Two batteries with a low cell, one of them with open relays; one is hot, one is missing."""


class Watched(NamedTuple):
    """A cycle, and what needs attention when it has come, ``passed`` seconds after the first."""

    cycle: list[Reading]
    findings: tuple[BankFinding, ...]
    passed: float


def watched(batteries: int, seconds: float, faults: str = "") -> Iterator[Watched]:
    """The cycles of so many seconds."""
    attention = Attention()
    endless = simulator.frames(batteries, START, faults=parse(faults, batteries))
    frames: Iterator[Frame] = takewhile(lambda frame: frame[2] < START + seconds, endless)
    for cycle in decoded(frames):
        now = max(each["time"] for each in cycle)
        attention.cycle(cycle, now)
        yield Watched(cycle, attention.findings, now - START)
