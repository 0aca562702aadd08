"""Recorded frames in, the same frames out at the pace at which they were recorded."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from ..protocol.blocks import Event, Silence

LONGEST_WAIT_S = 60.0
"""The longest wait for a recorded gap: the clock of a Pi without an RTC jumps by months."""

_EARLY_S = 0.002  # not worth a sleep


class Paced:
    """Delays each frame until it is due.

    ``speed`` 2 is twice as fast as recorded, 0 does not wait.  Waits by the monotonic clock; a
    recorded time that goes back adds no wait.  ``time`` is the recorded time of the newest
    frame.
    """

    def __init__(self, frames: Iterable[Event], speed: float) -> None:
        self.time = 0.0
        self._frames = frames
        self._speed = speed

    def __iter__(self) -> Iterator[Event]:
        due = time.monotonic()
        for frame in self._frames:
            if frame is not Silence.SECOND:
                before, self.time = self.time or frame[2], frame[2]
                if self._speed and self.time > before:
                    due += min((self.time - before) / self._speed, LONGEST_WAIT_S)
                    early = due - time.monotonic()
                    if early > _EARLY_S:
                        time.sleep(early)
            yield frame
