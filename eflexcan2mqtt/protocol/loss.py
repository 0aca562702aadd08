"""Starts of bursts and complete ones in, how many of a minute's bursts were incomplete out.

By the times of the frames.  No I/O, no clock, no logging.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

LOSSY, GOOD_AGAIN = 0.05, 0.025
"""The share of incomplete bursts above which a bus is lossy, and below which it is no more."""

FEWEST = 20
"""Fewer bursts, as of a short recording, say nothing."""

NEVER = 5
"""A battery that begins so many bursts in a minute and completes none is named."""

MINUTE_S, STEP_S = 60.0, 10.0


class Loss(NamedTuple):
    """The last minute: ``share`` of the bursts were incomplete, all of those of ``never``."""

    share: float
    never: tuple[int, ...]


class Bursts:
    """Counts the bursts of a minute, in steps of 10 s.

    A burst is incomplete if its battery begins the next one first.  ``lossy`` and ``last`` are
    the verdict on the last whole minute.
    """

    def __init__(self) -> None:
        self.lossy = False
        self.last = Loss(0.0, ())
        self._under_way: set[int] = set()
        self._complete: Counter[int] = Counter()
        self._incomplete: Counter[int] = Counter()
        self._steps: deque[tuple[Counter[int], Counter[int]]] = deque(maxlen=int(MINUTE_S / STEP_S))
        self._since: float | None = None

    def start(self, battery: int, time: float) -> bool:
        """A battery begins a burst; return whether there is a new verdict."""
        if battery in self._under_way:
            self._incomplete[battery] += 1
        self._under_way.add(battery)
        if self._since is None or not 0 <= time - self._since < 2 * STEP_S:
            # The first burst, a pause, or a step of the clock: what was counted stays.
            self._since = time
        if time - self._since < STEP_S:
            return False
        self._since += STEP_S
        self._steps.append((self._complete, self._incomplete))
        self._complete, self._incomplete = Counter(), Counter()
        return len(self._steps) == self._steps.maxlen and self._judge()

    def complete(self, battery: int) -> None:
        """The burst that a battery has begun is complete."""
        self._under_way.discard(battery)
        self._complete[battery] += 1

    def end(self) -> bool:
        """There are no more: judge what there was, also if that was less than a minute."""
        self._steps.append((self._complete, self._incomplete))
        return self._judge()

    def _judge(self) -> bool:
        complete: Counter[int] = sum((each for each, _ in self._steps), Counter())
        incomplete: Counter[int] = sum((each for _, each in self._steps), Counter())
        bursts = complete.total() + incomplete.total()
        if bursts < FEWEST:
            return False
        never = (
            each for each, count in incomplete.items() if count >= NEVER and not complete[each]
        )
        self.last = Loss(incomplete.total() / bursts, tuple(sorted(never)))
        self.lossy = self.last.share > (GOOD_AGAIN if self.lossy else LOSSY)
        return True
