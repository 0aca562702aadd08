"""Frames in, packed; those of the last two minutes out."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ...protocol.blocks import FRAME_BYTES, Event, Frame, Silence

BEFORE_S = 135.0
"""Two minutes, and what passes before a trigger is known: a cycle, or ten if a battery is gone."""

MOST_FRAMES = 200_000
"""3.6 MB; the wire carries 270,000 in that time, 14 batteries send 34,000."""

_CHUNK = 512


class Chunk(NamedTuple):
    """Some frames, packed into 18 bytes each; ``packed_at`` is when, by the clock of the ring."""

    packed_at: float
    ids: array[int]
    times: array[float]
    data: bytes

    def frames(self) -> Iterator[Frame]:
        """The frames, as they came."""
        for index, (can_id, time) in enumerate(zip(self.ids, self.times, strict=True)):
            at = index * FRAME_BYTES
            yield can_id, self.data[at : at + FRAME_BYTES], time


class Ring:
    """The frames of the last BEFORE_S by ``clock``, and never more than MOST_FRAMES."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: list[Event] = []
        self._chunks: deque[Chunk] = deque()
        self._kept = 0  # frames
        self._packed = 0  # chunks, since the start

    def overhear(self, batches: Iterable[Sequence[Event]]) -> Iterator[Sequence[Event]]:
        """Yield the batches, and keep their frames."""
        events = self._open
        for batch in batches:
            events += batch
            if len(events) >= _CHUNK:
                self.pack()
            yield batch

    def pack(self) -> None:
        """Make a chunk of what has come, and forget what is too old."""
        now = self._clock()
        silence = Silence.SECOND
        frames = [each for each in self._open if each is not silence]
        self._open.clear()
        if frames:
            ids, data, times = zip(*frames, strict=True)
            self._chunks.append(Chunk(now, array("H", ids), array("d", times), b"".join(data)))
            self._kept += len(ids)
            self._packed += 1
        while self._chunks and (
            self._chunks[0].packed_at < now - BEFORE_S or self._kept > MOST_FRAMES
        ):
            self._kept -= len(self._chunks.popleft().ids)

    def since(self, packed: int) -> tuple[list[Chunk], int]:
        """The chunks behind so many of all that were packed, as far as they are kept, and how
        many were packed."""
        self.pack()
        new = min(self._packed - packed, len(self._chunks))
        return list(self._chunks)[len(self._chunks) - new :], self._packed
