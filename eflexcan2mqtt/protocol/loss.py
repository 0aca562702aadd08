"""Starts of bursts and complete ones in, how many of a minute's bursts were incomplete out.

By the times of the frames.  No I/O, no clock, no logging.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from .blocks import BATTERIES, STALE_S

LOSSY, GOOD_AGAIN = 0.05, 0.025
"""The share of incomplete bursts above which a bus is lossy, and below which it is no more."""

FEWEST = 20
"""Fewer bursts, as in a short recording, are too few to judge."""

NEVER = 5
"""A battery that begins so many bursts in a minute and completes none is named."""

MINUTE_S, STEP_S = 60.0, 10.0


class Loss(NamedTuple):
    """The last minute: ``share`` of the bursts were incomplete, all of those of ``never``."""

    share: float
    never: tuple[int, ...]


class Bursts:
    """Counts the bursts of a minute, in steps of 10 s.

    ``lossy`` and ``last`` are the verdict on the last whole minute.
    """

    def __init__(self) -> None:
        self.lossy = False
        self.last = Loss(0.0, ())
        # By battery number: how many began, and how many of those were complete.
        self._begun, self._complete = _counts(), _counts()
        self._steps: deque[tuple[list[int], list[int]]] = deque(maxlen=int(MINUTE_S / STEP_S))
        self._since: float | None = None
        self._open: dict[int, float] = {}  # by number: when a burst began that is not complete
        self._latest = 0.0  # when the latest of all began

    def start(self, battery: int, time: float) -> bool:
        """A battery begins a burst; return whether there is a new verdict."""
        since = self._since
        new = False
        if since is None or not 0 <= time - since < 2 * STEP_S:
            self._since = time  # the first burst, a pause, or a step of the clock
        elif time - since >= STEP_S:
            self._since = since + STEP_S
            self._step()
            new = len(self._steps) == self._steps.maxlen and self._judge()
        self._begun[battery] += 1
        self._open[battery] = self._latest = time
        return new

    def complete(self, battery: int) -> None:
        """The burst that a battery has begun is complete."""
        self._complete[battery] += 1
        self._open.pop(battery, None)

    def incomplete(self) -> frozenset[int]:
        """The batteries that send, but whose latest burst is not complete."""
        latest = self._latest
        return frozenset(
            battery for battery, began in self._open.items() if 0 <= latest - began < STALE_S
        )

    def end(self) -> bool:
        """There are no more: judge what there was, also if that was less than a minute."""
        self._step()
        return self._judge()

    def _step(self) -> None:
        self._steps.append((self._begun, self._complete))
        self._begun, self._complete = _counts(), _counts()

    def _judge(self) -> bool:
        begun, complete = (
            list(map(sum, zip(*each, strict=True))) for each in zip(*self._steps, strict=True)
        )
        bursts = sum(begun)
        if bursts < FEWEST:
            return False
        never = (each for each in BATTERIES if begun[each] >= NEVER and not complete[each])
        self.last = Loss(max(1 - sum(complete) / bursts, 0.0), tuple(never))
        self.lossy = self.last.share > (GOOD_AGAIN if self.lossy else LOSSY)
        return True


def _counts() -> list[int]:
    return [0] * (BATTERIES[-1] + 1)
