"""Frames in; the starts of bursts and complete records out. No I/O, no clock, no logging."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .blocks import BATTERIES, BLOCKS, FRAME_BYTES, STATUS, Block, Event, Silence
from .fields import field

MAX_AGE_S = 0.5
"""A burst takes 8 ms and comes once in 1.012 s: frames further apart belong to two cycles."""

INCOMPLETE = "incomplete"
WRONG_NUMBER = "wrong number"
NO_STATUS = "no status"
STALE = "stale"
OVERLAPPING = "overlapping"

NOTHING = -1
"""Not a byte: no block is being collected, or it is complete."""

NUMBER_AT = 1 + field("battery_number").offset
"""Where the number is in the first frame of STATUS, behind the marker."""


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
    """What the assembler keeps of one battery between its frames."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.start = Start(number)
        self.begun: float | None = None  # when the present burst began
        self.status: tuple[bytes, float] | None = None  # complete, not yet used


class _Slot:
    """The block that is being collected under one arbitration id."""

    def __init__(self, battery: _Battery, block: Block) -> None:
        self.battery = battery
        self.block = block
        self.first = block.markers[0]
        # The marker that must follow each marker; NOTHING follows the last one.
        follows = dict(zip(block.markers, (*block.markers[1:], NOTHING), strict=True))
        self.after = tuple(follows.get(marker, NOTHING) for marker in range(block.markers[-1] + 1))
        self.awaited = NOTHING
        self.frames: list[bytes] = []
        self.status: tuple[bytes, float] | None = None  # the one before these CELLS
        self.since = 0.0
        self.dropped = False  # and counted; its remaining frames are ignored


class Assembler:
    """Collects frames into records.

    A block is dropped, and counted in ``dropped`` by reason, unless all of its frames come in
    order and within MAX_AGE_S; so are CELLS without their STATUS.  It keeps at most one burst
    of each battery.  ``frames`` counts every frame, ``overlaps`` the bursts of each battery
    during which another one began under its number; ``started`` is the time of the last Start.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.dropped: Counter[str] = Counter()
        self.overlaps: Counter[int] = Counter()
        self.started = 0.0
        self._slots: dict[int, _Slot] = {}
        for battery in map(_Battery, BATTERIES):
            for block in BLOCKS:
                self._slots[block.base_id + battery.number] = _Slot(battery, block)

    def events(self, frames: Iterable[Event]) -> Iterator[Start | Record | Silence]:
        """Yield a Start when a burst begins and a Record when it is complete; pass silence on.

        Data is the marker and 7 bytes; times are seconds since the epoch.  Frames of other
        devices are ignored.  Raises nothing of its own: on a bus a lost frame is an event, not
        an error.
        """
        # Looked up once: an enumeration's member takes 0.1 µs, a tenth of a frame's whole cost.
        slots, silence = self._slots, Silence.SECOND
        for frame in frames:
            if frame is silence:
                yield frame
                continue
            self.frames += 1
            can_id, data, time = frame
            try:
                slot = slots[can_id]
            except KeyError:
                continue
            if len(data) != FRAME_BYTES:
                continue
            marker = data[0]
            if marker == slot.awaited:
                slot.frames.append(data)
                slot.awaited = awaited = slot.after[marker]
                if awaited != NOTHING:
                    continue
                event = self._complete(slot, time)
            else:
                event = self._unexpected_frame(slot, data, time)
            if event is not None:
                yield event

    def _unexpected_frame(self, slot: _Slot, data: bytes, time: float) -> Start | None:
        """Handle a frame that is not the next one of its block: it begins a block, or is lost."""
        marker, under_way = data[0], slot.awaited != NOTHING
        if abs(time - slot.since) <= MAX_AGE_S:
            if slot.frames and slot.frames[-1] == data:
                return None  # it came twice, as a frame does whose acknowledgement was lost
            if under_way and 0 <= slot.block.markers.find(marker) < len(slot.frames):
                # Two batteries send under this number: their frames cannot be told apart.
                self.overlaps[slot.battery.number] += 1
                self._drop(slot, OVERLAPPING)
                return None
        if slot.block is STATUS:
            slot.battery.status = None  # it was for CELLS that did not come
        begins = marker == slot.first
        if not slot.dropped and (under_way or not begins):
            self._drop(slot, INCOMPLETE)
        return self._begin(slot, data, time) if begins else None

    def _drop(self, slot: _Slot, reason: str) -> None:
        self.dropped[reason] += 1
        slot.awaited = NOTHING
        slot.frames.clear()
        slot.dropped = True

    def _begin(self, slot: _Slot, data: bytes, time: float) -> Start | None:
        slot.frames[:] = [data]
        slot.awaited = slot.after[data[0]]
        slot.since = time
        slot.dropped = False
        battery = slot.battery
        if slot.block is not STATUS:
            # Now, for the STATUS of another battery under this number may end before the CELLS.
            slot.status, battery.status = battery.status, None
            return None
        if data[NUMBER_AT] != battery.number:
            self._drop(slot, WRONG_NUMBER)
            return None
        battery.begun = self.started = time
        return battery.start

    def _complete(self, slot: _Slot, time: float) -> Record | Start | None:
        payload = bytearray().join(slot.frames)
        del payload[::FRAME_BYTES]  # the markers
        block = bytes(payload)
        battery = slot.battery
        whole = abs(time - slot.since) <= MAX_AGE_S
        if not whole:
            self.dropped[STALE] += 1
        if slot.block is STATUS:
            battery.status = (block, time) if whole else None
            return None
        status, slot.status = slot.status, None
        begun, battery.begun = battery.begun, None
        if whole and status is not None and abs(time - status[1]) <= MAX_AGE_S:
            return Record(battery.number, status[0], block, time)
        if whole:
            self.dropped[NO_STATUS if status is None else STALE] += 1
        # The STATUS of this burst was lost: its CELLS are the only sign of the burst.
        if begun is not None and abs(time - begun) <= MAX_AGE_S:
            return None
        self.started = time
        return battery.start
