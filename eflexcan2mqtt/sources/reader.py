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
"""A read that took longer had to wait for its message: no other one waited."""

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
    """What was read: ``waited`` is whether nothing waited when the first message was asked for,
    and ``failure`` ended it."""

    frames: list[Frame]
    waited: bool
    failure: OSError | None = None


class Reader:
    """Reads one bus; a damaged message is skipped."""

    def __init__(self, bus: BusABC, damage: Damage) -> None:
        self._bus = bus
        self._damage = damage
        self._damaged_in_a_row = 0

    def batches(self) -> Iterator[list[Frame]]:
        """The frames that were read at once, every tenth of a second or more often.

        Raises OSError when the bus fails, or sends nothing but damage.
        """
        arrivals = Arrivals(time.monotonic())
        while True:
            asked = time.monotonic()
            read = self._read(LOOK_S)
            if read.waited:
                arrivals.nothing_waited(asked)
            frames = read.frames
            # What waited comes in pieces, from a driver or over a network.
            while repeats(read.frames) and not read.failure and len(frames) < MOST_AT_ONCE:
                time.sleep(LOOK_S)
                read = self._read(0)
                frames = frames + read.frames
            yield arrivals.stamped(frames, time.monotonic(), time.time())
            if read.failure:
                raise read.failure

    def _read(self, wait_s: float) -> _Read:
        """Read what waits, or wait for a message and what comes at once with it."""
        frames: list[Frame] = []
        waited = False
        timeout = wait_s
        for count in range(MOST_AT_ONCE):
            asked = time.monotonic()
            try:
                message = self._bus.recv(timeout)
                if message is None:
                    return _Read(frames, waited or not count)
                if is_ours(message):
                    frames.append((message.arbitration_id, bytes(message.data), message.timestamp))
                self._damaged_in_a_row = 0
            except ERRORS as error:
                if not is_damage(error):
                    return _Read(frames, waited, OSError(reason(error)))
                self._damage.add(error)
                self._damaged_in_a_row += 1
                if self._damaged_in_a_row >= MOST_DAMAGED:
                    problem = OSError("only damaged messages; is the bit rate right?")
                    return _Read(frames, waited, problem)
            if time.monotonic() - asked > WAITED_S:
                if count:
                    break
                waited = True
            timeout = 0
        return _Read(frames, waited)
