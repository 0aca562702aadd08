"""The two blocks of a battery's burst and the frames that carry them. No I/O.

Battery n (1..15) sends STATUS in eleven frames with id 0x100+n, then CELLS in
seven with id 0x600+n.  Each frame has 8 data bytes: a marker that numbers the
frame within its block, and 7 bytes of payload.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

Frame = tuple[int, bytes, float]
"""Arbitration id (11 bit), data, and time in seconds since the epoch."""


class Silence(Enum):
    """What a source yields when no frame comes."""

    SECOND = "a second without a frame"


Event = Frame | Silence
"""What a source yields."""

BATTERIES = range(1, 16)
NUMBER_MASK = 0xF
"""The bits of an arbitration id that are the battery's number."""
FRAME_BYTES = 8
PAYLOAD_BYTES = FRAME_BYTES - 1
CELL_COUNT = 16
CYCLE_S = 1.012
"""Each battery of a bank sends its burst this often."""
TICK_S = 1.0
"""A source without frames yields ``Silence.SECOND`` this often."""
STALE_S = 3.0
"""A battery without a reading for so long is stale; a bus without a frame ends its cycle."""
SILENT_TICKS = round(STALE_S / TICK_S)


@dataclass(frozen=True)
class Block:
    """One of the two blocks: the ids and the markers of its frames.

    ``byte_order`` is struct's character for its numbers.
    """

    name: str
    base_id: int
    markers: bytes
    byte_order: str

    @property
    def size(self) -> int:
        """The bytes of payload in all its frames together."""
        return PAYLOAD_BYTES * len(self.markers)


STATUS = Block("STATUS", 0x100, bytes(range(0x01, 0x0C)), ">")
CELLS = Block("CELLS", 0x600, bytes([0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x11]), "<")
BLOCKS = (STATUS, CELLS)

OUR_IDS = frozenset(block.base_id + battery for block in BLOCKS for battery in BATTERIES)
"""The only arbitration ids that batteries use."""


def burst(battery: int, status: bytes, cells: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut the two payloads of one battery into the 18 frames it sends: (id, data)."""
    for block, payload in zip(BLOCKS, (status, cells), strict=True):
        for index, marker in enumerate(block.markers):
            part = payload[index * PAYLOAD_BYTES : (index + 1) * PAYLOAD_BYTES]
            yield block.base_id + battery, bytes([marker]) + part


def as_candump(frame: Frame) -> str:
    """A frame as ``candump -L`` writes it, on a bus with the usual name."""
    can_id, data, time = frame
    return f"({time:.6f}) can0 {can_id:03X}#{data.hex().upper()}"
