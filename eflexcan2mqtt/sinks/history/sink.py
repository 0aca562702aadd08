"""Cycles and what needs attention in; minutes and events for the writer's thread out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path

from ...protocol.events import MOST_EVENTS, Events
from ...protocol.findings import BankFinding
from ...protocol.minutes import Minute, Minutes
from ...protocol.reading import Reading
from .. import Sink
from ..disk_thread import DiskThread
from .past import Past
from .store import FILE_NAME
from .writer import Batch, Writer

log = logging.getLogger(__name__)

SILENT_S = 60.0
"""After so long without a cycle, the minute is handed over as it is."""


class HistorySink(Sink):
    """Never waits for the disk; ``past`` answers questions."""

    def __init__(
        self,
        writer: Writer,
        past: Past,
        attention: Callable[[], Sequence[BankFinding]],
        clock: Callable[[], float],
    ) -> None:
        self.past = past
        self._attention, self._clock = attention, clock
        self._minutes, self._events = Minutes(), Events()
        self._started = clock()
        self._heard = 0.0  # when the last cycle came, by the clock
        self._left_out = 0  # events, until the last batch
        self._fluttering = False  # as it was logged
        self._thread = DiskThread("history", writer.run, writer.queue)

    def publish(self, cycle: list[Reading]) -> None:
        first = not self._minutes.time
        ended = self._minutes.cycle(cycle)
        self._heard = self._clock()
        if first:  # now it is known when the start was, in seconds since 1970
            self._events.start(self._minutes.time - ceil(max(self._heard - self._started, 0)))
        if ended:
            self._hand_over(ended)
        self._events.cycle(cycle)
        self._events.attention(self._attention(), self._minutes.time)

    def tick(self) -> None:
        if not self._minutes.time:  # seconds since 1970 are not known before
            return
        silent_s = self._clock() - self._heard
        self._events.attention(self._attention(), self._minutes.time + round(max(silent_s, 0)))
        if silent_s > SILENT_S:
            self._hand_over(self._minutes.end())

    def close(self) -> int:
        self._hand_over(self._minutes.end())
        self._thread.close()
        return 0

    def _hand_over(self, minutes: list[Minute]) -> None:
        batch = Batch(minutes, self._events.take())
        self._log_flutter()
        if batch.minutes or batch.events:
            self._thread.put(batch)

    def _log_flutter(self) -> None:
        before, self._left_out = self._left_out, self._events.left_out
        fluttering = self._left_out > before
        if fluttering and not self._fluttering:
            log.warning("more than %d events in a minute: history leaves out the rest", MOST_EVENTS)
        elif self._fluttering and not fluttering:
            log.info("history has all events again; %d were left out", before)
        self._fluttering = fluttering


def started(
    folder: Path,
    max_mb: float,
    attention: Callable[[], Sequence[BankFinding]],
    clock: Callable[[], float],
    *,
    invert: bool = False,
) -> HistorySink:
    """A history in a folder, with its thread."""
    writer = Writer(folder, max_mb)
    past = Past(folder / FILE_NAME, lambda: writer.pending, invert=invert)
    return HistorySink(writer, past, attention, clock)
