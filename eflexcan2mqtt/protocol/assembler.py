"""Frames in; the beginnings of bursts and complete records out. No I/O, no clock, no logging."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from .blocks import BATTERIES, BLOCKS, FRAME_BYTES, STATUS, Block
from .fields import field

MAX_AGE_S = 0.5
"""A burst takes 8 ms and comes once in 1.012 s: what lies further apart is of two cycles."""

INCOMPLETE = "incomplete"
WRONG_NUMBER = "wrong number"
NO_STATUS = "no status"
STALE = "stale"

_NUMBER_AT = 1 + field("battery_number").offset  # in the first frame, behind the marker


class Start(NamedTuple):
    """A battery begins a burst."""

    battery: int


class Record(NamedTuple):
    """What one battery sent in one burst: both payloads, and the time of the last frame."""

    battery: int
    status: bytes
    cells: bytes
    time: float


class _Battery:
    """What is held of one battery between its frames."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.start = Start(number)
        self.begun: float | None = None  # when the burst that is under way began
        self.status: tuple[bytes, float] | None = None  # complete, not yet used


class _Slot:
    """The block that is being collected under one arbitration id."""

    def __init__(self, battery: _Battery, block: Block) -> None:
        self.battery = battery
        self.block = block
        self.markers = block.markers
        self.frames: list[bytes] = []
        self.since = 0.0
        self.dropped = False  # and counted; its remaining frames go unnoticed


class Assembler:
    """Collects frames into records.

    A block whose frames do not come whole, in order and within MAX_AGE_S is dropped and
    counted in ``dropped`` by its reason; so are CELLS without their STATUS.  What is
    held never grows beyond one burst of each battery.
    """

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self._slots: dict[int, _Slot] = {}
        for battery in map(_Battery, BATTERIES):
            for block in BLOCKS:
                self._slots[block.base_id + battery.number] = _Slot(battery, block)

    def feed(self, can_id: int, data: bytes, time: float) -> Record | Start | None:
        """Take one frame; return the burst it begins or the record it completes, if any.

        ``data`` is the marker and 7 bytes; ``time`` is seconds since the epoch.  Frames of
        other devices are ignored.  Never raises: on a bus a lost frame is an event,
        not an error.
        """
        slot = self._slots.get(can_id)
        if slot is None or len(data) != FRAME_BYTES:
            return None
        frames = slot.frames
        markers = slot.markers
        if frames and data[0] == markers[len(frames)]:
            frames.append(data)
            if len(frames) < len(markers):
                return None
            return self._complete(slot, time)
        if slot.block is STATUS:
            slot.battery.status = None  # it belongs to the CELLS before this burst, not behind it
        if not slot.dropped and (frames or data[0] != markers[0]):
            self._drop(slot, INCOMPLETE)
        if data[0] != markers[0]:
            return None
        return self._begin(slot, data, time)

    def _drop(self, slot: _Slot, reason: str) -> None:
        self.dropped[reason] += 1
        slot.frames.clear()
        slot.dropped = True

    def _begin(self, slot: _Slot, data: bytes, time: float) -> Start | None:
        slot.frames[:] = [data]
        slot.since = time
        slot.dropped = False
        if slot.block is not STATUS:
            return None
        battery = slot.battery
        if data[_NUMBER_AT] != battery.number:
            self._drop(slot, WRONG_NUMBER)
            return None
        battery.begun = time
        return battery.start

    def _complete(self, slot: _Slot, time: float) -> Record | Start | None:
        payload = bytearray().join(slot.frames)
        del payload[::FRAME_BYTES]  # the markers
        block = bytes(payload)
        slot.frames.clear()
        battery = slot.battery
        whole = _together(slot.since, time)
        if not whole:
            self.dropped[STALE] += 1
        if slot.block is STATUS:
            battery.status = (block, time) if whole else None
            return None
        status, battery.status = battery.status, None
        begun, battery.begun = battery.begun, None
        if whole and status is not None and _together(status[1], time):
            return Record(battery.number, status[0], block, time)
        if whole:
            self.dropped[NO_STATUS if status is None else STALE] += 1
        # The STATUS of this burst never began: its CELLS are what shows that there was one.
        return None if begun is not None and _together(begun, time) else battery.start


def _together(earlier: float, later: float) -> bool:
    return abs(later - earlier) <= MAX_AGE_S
