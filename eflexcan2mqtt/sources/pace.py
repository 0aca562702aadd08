"""Recorded frames in, the same frames out at the pace at which they were recorded."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from ..protocol.blocks import TICK_S, Event, Silence

LONGEST_WAIT_S = 60.0
"""The longest wait for a recorded gap: the clock of a Pi without an RTC jumps by months."""

_EARLY_S = 0.002  # not worth a sleep


class Paced:
    """Delays each event until it is due; a longer wait has a ``Silence.SECOND`` each second.

    ``speed`` 2 is twice as fast as recorded, 0 does not wait.  Waits by the monotonic clock; a
    recorded time that goes back adds no wait.  ``time`` is the recorded time of the newest
    frame, and goes on in a silence.
    """

    def __init__(self, frames: Iterable[Event], speed: float) -> None:
        self.time = 0.0
        self._frames = frames
        self._speed = speed

    def __iter__(self) -> Iterator[Event]:
        due = time.monotonic()
        begun = False
        for event in self._frames:
            if event is Silence.SECOND:
                then = self.time + TICK_S
            else:
                then = event[2]
                self.time, begun = (self.time if begun else then), True
            if self._speed and then > self.time:
                due += min((then - self.time) / self._speed, LONGEST_WAIT_S)
                while (early := due - time.monotonic()) > TICK_S:
                    time.sleep(TICK_S)
                    self.time = min(self.time + TICK_S * self._speed, then)
                    yield Silence.SECOND
                if early > _EARLY_S:
                    time.sleep(early)
            self.time = then
            yield event
