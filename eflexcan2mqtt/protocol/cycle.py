"""Beginnings and readings in, the list of one whole battery cycle out. No I/O, no clock."""

from __future__ import annotations

from operator import itemgetter

from .decode import Reading


class Cycle:
    """Gathers the readings between two bursts of the same battery.

    The cycle wraps when a battery that has begun a burst in it begins another: absent
    batteries, any order and a lone battery all work.
    """

    def __init__(self) -> None:
        self._begun: set[int] = set()
        self._readings: list[Reading] = []

    def start(self, battery: int) -> list[Reading]:
        """A battery begins a burst; return the cycle that this ends, or an empty list."""
        ended = self.close() if battery in self._begun else []
        self._begun.add(battery)
        return ended

    def add(self, reading: Reading) -> None:
        """A battery's burst was complete."""
        self._readings.append(reading)

    def close(self) -> list[Reading]:
        """End the cycle: the batteries complete in it, by their number."""
        ended = sorted(self._readings, key=itemgetter("battery_number"))
        self._begun.clear()
        self._readings = []
        return ended
