"""Starts of bursts and readings in, the readings of one cycle out. No I/O, no clock."""

from __future__ import annotations

from operator import itemgetter

from .reading import Reading


class Cycle:
    """Collects the readings between two bursts of the same battery.

    The cycle wraps when a battery that has a burst in it begins another one: absent
    batteries, any order and a lone battery all work.  Each battery is in it at most once.
    """

    def __init__(self) -> None:
        self._begun: set[int] = set()
        self._readings: dict[int, Reading] = {}

    def start(self, battery: int) -> list[Reading]:
        """A battery begins a burst; return the readings of the cycle that this ends, if it does."""
        ended = self.close() if battery in self._begun else []
        self._begun.add(battery)
        return ended

    def add(self, reading: Reading) -> list[Reading]:
        """Take the reading of a complete burst; return those of the cycle that this ends.

        That is none, but for bursts of one battery that overlap: then both have begun.
        """
        battery = reading["battery_number"]
        ended = self.close() if battery in self._readings else []
        self._begun.add(battery)
        self._readings[battery] = reading
        return ended

    def close(self) -> list[Reading]:
        """End the cycle; return its readings, sorted by battery number."""
        ended = sorted(self._readings.values(), key=itemgetter("battery_number"))
        self._begun.clear()
        self._readings = {}
        return ended
