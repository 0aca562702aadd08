"""Minutes and events out of a queue, to disk every five minutes: the thread that may wait."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import NamedTuple

from ...protocol.events import HistoryEvent
from ...protocol.minutes import Minute
from .allowance import Allowance
from .store import History, HistoryBrokenError, HistoryBusyError, HistoryError

log = logging.getLogger(__name__)

WRITE_S = 300.0
"""An SD card lives longer if it is written seldom; a killed process loses so much.

A write may be a tenth earlier or later, when a batch comes: a bus hands over each minute, so what
is written is whole, and no minute is open then that would be lost beside those five.
"""

MOST_BATCHES = 360
"""Kept in memory while the disk does not work, or hangs: six hours."""

_MOST_MINUTES, _MOST_EVENTS = MOST_BATCHES * 16, 2000
_MB = 1_000_000


class Batch(NamedTuple):
    """What goes to the disk together."""

    minutes: Sequence[Minute]
    events: Sequence[HistoryEvent]


NOTHING = Batch((), ())


class Writer:
    """Takes batches from ``queue`` until there comes None; never raises for what the disk does.

    ``pending`` is what is not on the disk yet, None while the file is another program's; it is
    replaced whole, and any thread may read it.
    """

    def __init__(
        self,
        folder: Path,
        max_mb: float,
        *,
        write_s: float = WRITE_S,
        allowance: Allowance | None = None,
        ran: Callable[[], float] = time.monotonic,
    ) -> None:
        self.queue: Queue[Batch | None] = Queue(MOST_BATCHES)
        self.pending: Batch | None = NOTHING
        self._folder, self._max_bytes, self._write_s = folder, max_mb * _MB, write_s
        self._allowance = allowance or Allowance()
        self._ran = ran
        self._minutes: deque[Minute] = deque(maxlen=_MOST_MINUTES)
        self._events: deque[HistoryEvent] = deque(maxlen=_MOST_EVENTS)
        self._store: History | None = None
        self._failed = False

    def run(self) -> None:
        """The thread."""
        self._write()
        early = late = self._write_s / 10
        due = self._ran() + self._write_s - late
        while True:
            try:
                batch = self.queue.get(timeout=max(due + late - self._ran(), 0))
            except Empty:
                batch = NOTHING
            if batch is None:
                break
            self._minutes += batch.minutes
            self._events += batch.events
            if self.pending is not None:
                self.pending = Batch(tuple(self._minutes), tuple(self._events))
            # A pipe may send faster than a bank.
            if self._ran() >= due - early or len(self._minutes) > _MOST_MINUTES // 2:
                due = self._ran() + self._write_s
                self._write()
        self._write()
        if self._minutes or self._events:
            lost = len(self._minutes), len(self._events)
            log.warning("%s: lost from history: %d minutes, %d events", self._folder, *lost)
        if self._store:
            self._store.close()

    def _write(self) -> None:
        try:
            try:
                self._put()
            except HistoryBrokenError:
                self._put()  # once, into a new file
        except HistoryError as error:
            if not self._failed:
                log.warning("%s; history is in memory until it works, six hours at most", error)
            self._failed = True
            if isinstance(error, HistoryBusyError):
                self.pending = None
            return
        if self._failed:
            self._failed = False
            log.info("%s: works again", self._folder)
        self._minutes.clear()
        self._events.clear()
        self.pending = NOTHING

    def _put(self) -> None:
        if self._store is None:
            self._store = History(self._folder)
            if aside := self._store.set_aside:
                log.warning("%s: damaged; renamed to %s", self._store.path, aside.name)
        if not self._minutes and not self._events:
            return
        try:
            self._store.write(tuple(self._minutes), tuple(self._events))
            self._give_way(self._store)
        except HistoryBrokenError as error:
            broken, self._store = self._store, None
            aside = broken.set_damaged_aside()
            log.warning("%s%s", error, f"; renamed to {aside.name}" if aside else "")
            raise

    def _give_way(self, store: History) -> None:
        if hours := self._allowance.hours():
            thinned, trimmed = store.thin(hours), store.trim(hours, self._max_bytes)
            self._allowance.spend(max(thinned, trimmed))
