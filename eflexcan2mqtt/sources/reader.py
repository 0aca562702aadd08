"""An open bus of an adapter in, its frames out, with the times at which they came."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import NamedTuple

from can import BusABC

from ..protocol.blocks import Frame
from .arrivals import Arrivals, repeats
from .messages import ERRORS, is_damage, is_ours, reason

log = logging.getLogger(__name__)

LOOK_S = 0.1
"""How long to wait for a frame: so often it is known that none has waited longer."""

WAITED_S = 0.005
"""A read that took longer had to wait for its message, or for a processor."""

MOST_AT_ONCE = 4096
"""Messages, 16 s of a bank of 14: a bus that is faster than this computer is handed on, too."""

MOST_DAMAGED = 100
"""Damaged messages in a row: the wrong bit rate of a serial port gives no others."""


class Damage:
    """Counts messages that could not be parsed; logs the 1st, 10th, 100th ..."""

    def __init__(self, name: str) -> None:
        self.count = 0
        self._name = name
        self._report_at = 1

    def add(self, error: Exception) -> None:
        self.count += 1
        if self.count == self._report_at:
            self._report_at *= 10
            log.warning(
                "%s: skipped %d damaged messages, the last one: %s",
                *(self._name, self.count, reason(error)),
            )


class _Read(NamedTuple):
    """What was read, and when nothing waited: before that, and after it; None if not known.

    ``failure`` ended it.
    """

    frames: list[Frame]
    before: float | None
    after: float | None = None
    failure: OSError | None = None


class Reader:
    """Reads one bus; a damaged message is skipped."""

    def __init__(self, bus: BusABC, damage: Damage) -> None:
        self._bus = bus
        self._damage = damage
        self._damaged_in_a_row = 0
        self._says_empty = False  # whether it ever said at once that nothing waits

    def batches(self) -> Iterator[list[Frame]]:
        """The frames that were read at once, every tenth of a second or more often.

        Raises OSError when the bus fails, or sends nothing but damage.
        """
        arrivals = Arrivals(time.monotonic())
        while True:
            read = self._read(LOOK_S)
            if read.before is not None:
                arrivals.nothing_waited(read.before)
            frames = read.frames
            # What waited comes in pieces, from a driver or over a network.
            while repeats(read.frames) and not read.failure and len(frames) < MOST_AT_ONCE:
                time.sleep(LOOK_S)
                read = self._read(0)
                frames = frames + read.frames
            yield arrivals.stamped(frames, time.monotonic(), time.time())
            if read.after is not None:
                arrivals.nothing_waited(read.after)
            if read.failure:
                raise read.failure

    def _read(self, wait_s: float) -> _Read:
        """Read what waits, or wait for a message and what comes at once with it."""
        frames: list[Frame] = []
        before: float | None = None
        timeout = wait_s
        for count in range(MOST_AT_ONCE):
            asked = time.monotonic()
            try:
                message = self._bus.recv(timeout)
                if message is None:
                    self._says_empty |= not timeout
                    return _Read(frames, before, asked)
                if is_ours(message):
                    frames.append((message.arbitration_id, bytes(message.data), message.timestamp))
                self._damaged_in_a_row = 0
            except ERRORS as error:
                if not is_damage(error):
                    return _Read(frames, before, failure=OSError(reason(error)))
                self._damage.add(error)
                self._damaged_in_a_row += 1
                if self._damaged_in_a_row >= MOST_DAMAGED:
                    problem = OSError("only damaged messages; is the bit rate right?")
                    return _Read(frames, before, failure=problem)
            # Some drivers only return with a message.  Others tell when none waits: of them a long
            # read shows nothing, for on a busy computer each may be one.
            if not self._says_empty and time.monotonic() - asked > WAITED_S:
                if count:
                    break
                before = asked
            timeout = 0
        return _Read(frames, before)
