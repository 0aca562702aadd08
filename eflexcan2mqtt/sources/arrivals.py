"""Frames of an adapter in, the same frames with the times at which they came out.  No I/O.

The time in a message of python-can is of no use here: some adapters count from zero, some drift,
socketcand's is that of another computer, and slcan's is when the message was read.  A frame is
read when this process is free to do so, which may be seconds late, and several cycles at once.
But a bank keeps its pace: so each burst comes a cycle, or a few, after the one before of the same
battery.  Thus each keeps its own second, and no two get one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from ..protocol.blocks import CYCLE_S, NUMBER_MASK, STATUS, Frame

HELD_UP_S = 0.3
"""If something may have waited for longer, it did: beyond the usual delay of a thread."""
SAME_BURST_S = 0.5
"""A burst takes 8 ms: a frame that comes later does not belong to it."""
FORGET_S = 60.0
"""After so long, a pace that is some hundredths of a per cent off has lost its second."""
EARLY = 0.03
"""How much of a cycle a burst may come before or after its time."""
FOLLOW_S = 0.001
"""How much of a delay is believed in each cycle: a bank may be that much slower than thought.

A cycle is 12 ms longer than a second: so delays that come and go let no two share one.
"""


def begins_burst(frame: Frame) -> bool:
    """Whether it is the first of the 18 frames of a burst."""
    return frame[1][0] == STATUS.markers[0] and frame[0] >> 4 == STATUS.base_id >> 4


def repeats(frames: Iterable[Frame]) -> bool:
    """Whether a battery begins two bursts in them: a bank does that once in a cycle."""
    return any(count > 1 for count in _bursts(frames).values())


class Arrivals:
    """Gives frames their times.  Counts in seconds of the monotonic clock."""

    def __init__(self, now: float) -> None:
        self._empty = now  # when nothing waited to be read, for the last time
        self._came: dict[int, float] = {}  # battery -> when its burst came
        self._read: dict[int, float] = {}  # battery -> when the first frame of that was read

    def nothing_waited(self, now: float) -> None:
        """All that had come at that moment had been read."""
        self._empty = now

    def stamped(self, batch: list[Frame], now: float, clock: float) -> list[Frame]:
        """The frames that were read at once, with their times.

        ``now`` is the monotonic time of the read and ``clock`` the same moment in seconds since
        the epoch.  No frame comes later than that, and all frames of a burst come with its first.
        """
        due = {battery: self._first(battery, n, now) for battery, n in _bursts(batch).items()}
        stamped = []
        for frame in batch:
            can_id, data, _ = frame
            battery = can_id & NUMBER_MASK
            if begins_burst(frame):
                self._came[battery] = min(due[battery], now)
                self._read[battery] = now
                due[battery] += CYCLE_S
            same_burst = self._empty - self._read.get(battery, -math.inf) <= SAME_BURST_S
            came = self._came[battery] if same_burst else now
            stamped.append((can_id, data, clock - (now - came)))
        return stamped

    def _first(self, battery: int, bursts: int, now: float) -> float:
        """When the first of so many bursts of a battery came that were read at once."""
        before = self._came.get(battery, -math.inf)
        if self._empty - before > FORGET_S:
            # Of several, the last may have come a cycle ago; then the next comes right now.
            return now if bursts == 1 else now - bursts * CYCLE_S
        if now - self._empty > HELD_UP_S:  # and more may wait
            return before + CYCLE_S
        # Some may have been lost on the way.  One comes now, several came until now.
        early = EARLY if bursts == 1 else -EARLY
        cycles = math.floor((now - before) / CYCLE_S + early)
        expected = before + max(cycles - bursts + 1, 1) * CYCLE_S
        return expected + (FOLLOW_S if bursts == 1 else 0.0)


def _bursts(frames: Iterable[Frame]) -> Counter[int]:
    return Counter(frame[0] & NUMBER_MASK for frame in frames if begins_burst(frame))
