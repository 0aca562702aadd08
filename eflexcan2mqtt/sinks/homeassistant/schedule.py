"""When values are due. The time is handed in."""

from __future__ import annotations

FOLLOW_S = (2.0, 3.0, 10.0)
"""Pauses after a description: Home Assistant takes so long to make entities of it, and does not
hear what is sent before."""


class Schedule:
    """Each ``interval`` in seconds; a few times more often after ``soon``."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._pauses: list[float] = []
        self._next = float("-inf")

    def soon(self) -> None:
        """All is due now, and again soon."""
        self._pauses = list(FOLLOW_S)
        self._next = float("-inf")

    def due(self, now: float) -> bool:
        """Whether all is due; if so, the next interval begins."""
        if now < self._next:
            return False
        pause = self._pauses.pop(0) if self._pauses else self._interval
        self._next = now + min(pause, self._interval)
        return True
