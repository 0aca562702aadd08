"""Readings in, the numbers under which two batteries send out. No I/O, no clock, no logging."""

from __future__ import annotations

from dataclasses import dataclass

from .blocks import STALE_S
from .reading import Reading

FORGET_S = 60.0
"""So long after the other battery's last reading a number is one battery's again."""

OVERLAPS = 3
"""Bursts of a number that were cut by another burst of it: one may be a disturbed frame."""

_REMEDY = "each battery of a bank needs a number of its own"


@dataclass
class _Heard:
    battery_id: str
    time: float
    other: str = ""  # the battery_id before, and when it was heard last
    other_time: float = float("-inf")


class SharedNumbers:
    """Watches which battery sends under which number.

    A battery that was replaced is not heard again; one that is heard again behind another of
    its number shares it.  ``shared`` has such numbers.
    """

    def __init__(self) -> None:
        self.shared: set[int] = set()
        self._heard: dict[int, _Heard] = {}
        self._overlaps: dict[int, int] = {}

    def add(self, reading: Reading) -> str | None:
        """Take a reading; return what is new about its number, as a sentence."""
        number, name, time = reading["battery_number"], reading["battery_id"], reading["time"]
        before = self._heard.get(number)
        if before is None:
            self._heard[number] = _Heard(name, time)
            return None
        if name == before.battery_id:
            before.time = time
            if number in self.shared and time - before.other_time > FORGET_S:
                self.shared.discard(number)
                return f"only battery {name} sends as number {number} now"
            return None
        self._heard[number] = _Heard(name, time, before.battery_id, before.time)
        again = name == before.other and abs(time - before.other_time) <= STALE_S
        if not again or number in self.shared:
            return None
        self.shared.add(number)
        both = " and ".join(sorted((name, before.battery_id)))
        return f"two batteries send as number {number}, {both}: {_REMEDY}"

    def overlapped(self, number: int, bursts: int) -> str | None:
        """Take how many bursts of a number overlapped since the start; a sentence if it is new."""
        before = self._overlaps.get(number, 0)
        self._overlaps[number] = bursts
        if bursts - before < OVERLAPS:
            return None
        if heard := self._heard.get(number):
            heard.other_time = heard.time  # the other one is there, although it was not complete
        if number in self.shared:
            return None
        self.shared.add(number)
        return f"two batteries send as number {number} at the same time: {_REMEDY}"
