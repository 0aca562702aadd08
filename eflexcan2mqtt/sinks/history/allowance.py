"""How much of the past may be deleted: what a wrong clock takes for old may be all there is."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..clock_state import synchronized

MOST_HOURS = 24

_HOUR_S = 3600.0
_JUMP_S = 10.0


class Allowance:
    """An hour for each hour that the program ran, a day at most.

    Begins anew while the clock is not synchronized, and when it jumps.  ``clock`` is the time of
    day, ``ran`` one that never jumps.
    """

    def __init__(
        self,
        is_synchronized: Callable[[], bool] = synchronized,
        clock: Callable[[], float] = time.time,
        ran: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_synchronized, self._clock, self._ran = is_synchronized, clock, ran
        self._since, self._offset = ran(), clock() - ran()

    def hours(self) -> int:
        """So many hours of data may be deleted now."""
        ran = self._ran()
        offset = self._clock() - ran
        jumped = abs(offset - self._offset) > _JUMP_S
        self._offset = offset
        if jumped or not self._is_synchronized():
            self._since = ran
        self._since = max(self._since, ran - MOST_HOURS * _HOUR_S)
        return int((ran - self._since) / _HOUR_S)

    def spend(self, hours: int) -> None:
        """So many were used."""
        self._since += hours * _HOUR_S
