"""Records in; what was seen of each unknown byte, of which battery and with which software.

What is kept depends on the number of batteries and of values, not on how long a recording is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

from ..protocol.assembler import Record
from ..protocol.blocks import CYCLE_S, STATUS
from ..protocol.fields import field
from ..protocol.unclaimed import UNCLAIMED
from ..protocol.values import Serial
from .changes import LONGEST_LAG, ChangeSignal, SignedChanges, Track
from .known import BANK_SIZE, FIRMWARE, known_values
from .series import Series
from .words import Words

MOST_EVENTS = 5
"""So many changes of a byte are listed: the first ones."""

_SERIAL = field("battery_id")
_pick = itemgetter(*(each.offset + (each.block is not STATUS) * STATUS.size for each in UNCLAIMED))
_PARTIAL = [(at, each.mask) for at, each in enumerate(UNCLAIMED) if not each.is_whole]


def unclaimed_bytes(record: Record) -> bytes:
    """A record's bytes of UNCLAIMED, without the bits that a field claims."""
    found = bytearray(_pick(record.status + record.cells))
    for at, mask in _PARTIAL:
        found[at] &= mask
    return bytes(found)


class ByteChange(NamedTuple):
    """A byte changed: when, in the battery with which number, and from what to what."""

    time: float
    battery: int
    before: int
    now: int


class SurveyedBattery:
    """What is kept of one battery, or of one recording of it if its serial number is made up."""

    def __init__(self) -> None:
        self.number = 0
        self.readings = 0
        self.changes: Counter[int] = Counter()  # of each unknown byte
        self.values: list[set[int]] = [set() for _ in UNCLAIMED]
        self.firmware: set[int] = set()
        self.series = Series()
        self.track = Track()
        self.time = 0.0
        self.known: list[int] = []
        self.unknown = b""
        self.counted = [0] * len(UNCLAIMED)  # so many readings of each byte are in the counts
        self.cycle = -1  # the last one that it was in
        self.disturbed = 0  # so many cycles a change of firmware or bank may still have effects


class Survey:
    """Everything that was seen.

    ``counts`` has the values of each unknown byte, ``disturbed`` how many of its changes were
    soon after one of firmware or bank, ``by_firmware`` the values with each software, ``events``
    its first changes.  ``undecodable`` are records without a serial number.  ``batteries`` has
    their serial numbers, made-up ones together with their recording.
    """

    def __init__(self) -> None:
        self.batteries: dict[str, SurveyedBattery] = {}
        self.readings = self.undecodable = 0
        self.first = self.last = 0.0
        self.counts: list[Counter[int]] = [Counter() for _ in UNCLAIMED]
        self.by_firmware: dict[int, list[set[int]]] = {}
        self.events: list[list[ByteChange]] = [[] for _ in UNCLAIMED]
        self.disturbed: Counter[int] = Counter()
        self.changes = SignedChanges()
        self.words = Words()
        self._cycle = 0

    def add(self, record: Record, recording: str = "") -> None:
        """Take one record, each battery's in the order of their times; and where it is from."""
        try:
            serial = Serial.decode(_SERIAL.of(record.status))
        except ValueError:
            self.undecodable += 1
            return
        if Serial.is_made_up(serial):
            serial = f"{serial} {recording}"
        battery = self.batteries.get(serial) or self.batteries.setdefault(serial, SurveyedBattery())
        if battery.cycle == self._cycle:  # as protocol/cycle.py has it
            self._cycle += 1
        battery.cycle = self._cycle
        known = known_values(record.status, record.cells)
        self._step(serial, battery, record.time, known, unclaimed_bytes(record))
        battery.series.add(record)
        battery.number = record.battery
        battery.readings += 1
        self.readings += 1
        self.first = min(self.first or record.time, record.time)
        self.last = max(self.last, record.time)

    def _step(
        self, serial: str, battery: SurveyedBattery, time: float, known: list[int], unknown: bytes
    ) -> None:
        steps = round((time - battery.time) / CYCLE_S) if battery.readings else 0
        before, old = battery.unknown, battery.known
        fresh = not old or old[FIRMWARE] != known[FIRMWARE]
        places = [at for at, was in enumerate(before) if was != unknown[at]]
        for at in places:
            self._count(battery, at)
        battery.disturbed = max(0, battery.disturbed - steps)
        if old and (fresh or old[BANK_SIZE] != known[BANK_SIZE]):
            battery.disturbed = LONGEST_LAG
        if 0 < steps <= LONGEST_LAG:
            self.changes.skip(battery.track, steps - 1)
            signals = list(_signals(before, unknown, places))
            self.changes.step(battery.track, self._cycle, (old, known), signals)
            self._note(battery, time, unknown, places)
            if places and steps == 1:
                self.words.change(serial, before, unknown, places)
        else:
            self._interrupt(battery)
        self._see(battery, known[FIRMWARE], unknown, range(len(UNCLAIMED)) if fresh else places)
        battery.time, battery.known, battery.unknown = time, known, unknown

    def _interrupt(self, battery: SurveyedBattery) -> None:
        """What comes after a long pause, or in another recording, follows nothing before."""
        self.changes.end(battery.track)
        battery.track = Track()

    def _note(
        self, battery: SurveyedBattery, time: float, unknown: bytes, places: list[int]
    ) -> None:
        battery.changes.update(places)
        if battery.disturbed:
            self.disturbed.update(places)
        for at in places:
            if len(self.events[at]) < MOST_EVENTS:
                self.events[at].append(
                    ByteChange(time, battery.number, battery.unknown[at], unknown[at])
                )

    def _count(self, battery: SurveyedBattery, at: int) -> None:
        """Add the readings since the last change of a byte to its counts."""
        self.counts[at][battery.unknown[at]] += battery.readings - battery.counted[at]
        battery.counted[at] = battery.readings

    def _see(
        self, battery: SurveyedBattery, firmware: int, unknown: bytes, places: Iterable[int]
    ) -> None:
        for at in places:
            if firmware not in self.by_firmware:
                self.by_firmware[firmware] = [set() for _ in UNCLAIMED]
            battery.firmware.add(firmware)
            battery.values[at].add(unknown[at])
            self.by_firmware[firmware][at].add(unknown[at])

    def end(self) -> None:
        """Count what is still waiting; nothing may be added afterwards."""
        for battery in self.batteries.values():
            for at in range(len(UNCLAIMED)):
                self._count(battery, at)
            self._interrupt(battery)


def _signals(
    before: bytes, now: bytes, places: Iterable[int]
) -> Iterator[tuple[ChangeSignal, bool]]:
    """The bytes that differ, and their bits that do, and whether each rose."""
    for at in places:
        yield ChangeSignal(at), now[at] > before[at]
        bits = before[at] ^ now[at]
        while bits:
            low = bits & -bits
            yield ChangeSignal(at, low.bit_length() - 1), bool(now[at] & low)
            bits ^= low
