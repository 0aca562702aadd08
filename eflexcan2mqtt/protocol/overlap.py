"""Records of several recordings in; which of them an earlier recording has, too, out."""

from __future__ import annotations

from collections import defaultdict

from .assembler import Record
from .fields import field

_SERIAL = field("battery_id")


class Overlap:
    """What two recordings have in common, as when one is given twice, is to count once.

    A battery at a time that lies in what an earlier recording has of it is in both.
    """

    def __init__(self) -> None:
        self._earlier: defaultdict[bytes, list[tuple[float, float]]] = defaultdict(list)
        self._own: dict[bytes, tuple[float, float]] = {}

    def has(self, record: Record) -> bool:
        """Whether an earlier recording has it; else it is noted that this one does."""
        serial, time = _SERIAL.of(record.status), record.time
        if any(first <= time <= last for first, last in self._earlier.get(serial, ())):
            return True
        first, _ = self._own.get(serial, (time, time))
        self._own[serial] = first, time
        return False

    def end(self) -> None:
        """The recording has ended, another one follows."""
        for serial, span in self._own.items():
            self._earlier[serial].append(span)
        self._own.clear()
