"""Cycles and what needs attention in; minutes and events for the writer's thread out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Full

from ...protocol.events import Events
from ...protocol.findings import BankFinding
from ...protocol.minutes import Minute, Minutes
from ...protocol.reading import Reading
from .. import Sink
from .past import Past
from .store import FILE_NAME
from .writer import Batch, Writer

log = logging.getLogger(__name__)

SILENT_S = 60.0
"""After so long without a cycle, the minute is handed over as it is."""

CLOSE_S = 1.0


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
        self._writer, self._attention, self._clock = writer, attention, clock
        self._minutes, self._events = Minutes(), Events()
        self._heard = 0.0  # when the last cycle came, by the clock
        self._losing = False  # as it was logged
        self._thread = threading.Thread(target=writer.run, name="history", daemon=True)
        self._thread.start()

    def publish(self, cycle: list[Reading]) -> None:
        ended = self._minutes.cycle(cycle)
        self._heard = self._clock()
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
        with suppress(Full):
            self._writer.queue.put_nowait(None)
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            log.warning("the disk was too slow: the last minutes of history may be lost")
        return 0

    def _hand_over(self, minutes: list[Minute]) -> None:
        batch = Batch(minutes, self._events.take())
        if batch.minutes or batch.events:
            try:
                self._writer.queue.put_nowait(batch)
            except Full:
                if not self._losing:
                    log.warning("the disk does not answer for hours: history loses what comes now")
                self._losing = True


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
