"""Arrays in, in their order out, and remembered until they have arrived. No MQTT.

While the broker acknowledges, arrays live in memory only: an SD card wears out.  When it does
not, ``save`` writes all that has not arrived to disk, and what comes then goes there.  Belongs
to one thread.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TypeVar

from .store import SpoolBrokenError, SpoolError, Store

log = logging.getLogger(__name__)

T = TypeVar("T")

DRAIN, DRAIN_EVERY_S = 50, 1.0
"""So many arrays from disk: a broker drops what comes faster than its readers take it."""

REBUILD_EVERY_S = 60.0
"""A spool that could not be rebuilt is tried again: the disk may have room by then."""


@dataclass
class Parcel:
    """An array on its way; ``number`` gives the order."""

    number: int
    payload: bytes
    on_disk: bool = False
    since: float = field(default_factory=time.monotonic)


class Outbox:
    """A queue whose front is in flight.

    From the front: what is in flight, what waits in memory, what waits on disk, and behind
    that again in memory what the disk did not take.  Without a spool ``room`` arrays wait in
    memory; the oldest are dropped first.  Never raises for what the disk does.  ``dropped``
    counts the arrays that had to be dropped.
    """

    def __init__(self, spool: Store | None, room: int) -> None:
        self.dropped = spool.purged if spool else 0
        self._room = room
        self._spool = spool
        self._flight: dict[int, Parcel] = {}
        self._waiting: deque[Parcel] = deque()
        self._loaded = 0  # what the spool holds behind this number waits there
        self._stored = spool.count() if spool else 0  # how many those are
        self._behind: deque[Parcel] = deque()
        self._last = spool.last if spool else 0
        self._load_again = 0.0
        self._rebuild_again = 0.0
        self._arrived: set[int] = set()  # but still on disk
        self._disk_fails = False

    def put(self, payload: bytes) -> None:
        """Take an array."""
        self._last += 1
        queue = self._behind if self._stored or self._behind else self._waiting
        queue.append(Parcel(self._last, payload))
        self._make_room(queue)

    def next(self, window: int) -> Parcel | None:
        """The array to send next, which is then in flight; None if there is none to send now.

        No more than ``window`` are in flight.
        """
        if len(self._flight) >= window:
            return None
        if not self._waiting and self._stored:
            self._load()
        if not self._waiting and not self._stored:
            self._waiting, self._behind = self._behind, self._waiting
        if not self._waiting:
            return None
        parcel = self._waiting.popleft()
        self._flight[parcel.number] = parcel
        return parcel

    def arrived(self, number: int) -> None:
        """An array in flight was acknowledged."""
        if self._flight.pop(number).on_disk:
            self._arrived.add(number)

    def unsent(self) -> None:
        """What was in flight has not arrived: it is sent again, first."""
        self._waiting.extendleft(reversed(self._flight.values()))
        self._flight.clear()
        self._make_room(self._waiting)

    def save(self, everything: bool) -> None:
        """Write through to the spool, if there is one.

        ``everything`` is what has not arrived at all; else only what is behind the arrays on
        disk.  Forgets on disk what has arrived.
        """
        if not self._spool:
            return
        behind = list(self._behind)
        front = [*self._flight.values(), *self._waiting] if everything else []
        parcels = [each for each in chain(front, behind) if not each.on_disk]
        # What is in flight is stored as well, but does not wait there.
        self._loaded = max(self._loaded, *self._flight, 0)
        if parcels or self._arrived:
            arrays = [(each.number, each.payload) for each in parcels]
            gone = self._disk(lambda spool: spool.update(arrays, self._arrived, self._loaded))
            if gone is None:
                return
            self._works_again()
            self._arrived.clear()
            for each in parcels:
                each.on_disk = True
            self._behind.clear()
            self._stored += len(behind) - gone
            self.dropped += gone
        # After a rebuild some are not stored yet.
        if everything and self._waiting and all(each.on_disk for each in self._waiting):
            self._loaded = self._waiting[0].number - 1
            self._stored += len(self._waiting)
            self._waiting.clear()

    def overdue(self, seconds: float) -> bool:
        """Whether an array that is only in memory has waited for so long."""
        parcels = chain(self._flight.values(), self._waiting, self._behind)
        oldest = next((each for each in parcels if not each.on_disk), None)
        return oldest is not None and time.monotonic() - oldest.since > seconds

    def in_flight(self) -> list[Parcel]:
        """The arrays in flight, in their order."""
        return list(self._flight.values())

    def sendable(self) -> bool:
        """Whether arrays wait in memory that no array on disk precedes."""
        return bool(self._waiting or (self._behind and not self._stored))

    def undelivered(self) -> int:
        """How many arrays have not arrived."""
        return len(self._flight) + len(self._waiting) + self._stored + len(self._behind)

    def only_in_memory(self) -> int:
        """How many of them a power cut would lose."""
        parcels = chain(self._flight.values(), self._waiting, self._behind)
        return sum(not each.on_disk for each in parcels)

    def directory(self) -> Path | None:
        """Where the spool is."""
        return self._spool.path.parent if self._spool else None

    def check(self) -> None:
        """Rebuild the spool if its file has been removed."""
        self._disk(lambda spool: spool.check())

    def stop_loading(self) -> None:
        """Leave on disk what is there."""
        self._load_again = math.inf

    def close(self) -> None:
        """Leave the spool to the next run."""
        self._disk(lambda spool: spool.close())
        self._spool = None

    def _make_room(self, queue: deque[Parcel]) -> None:
        while len(queue) > self._room:
            # What is on disk as well is not lost by that, but sent by the next run.
            queue.popleft()
            self.dropped += 1

    def _load(self) -> None:
        if time.monotonic() < self._load_again:
            return
        self._load_again = time.monotonic() + DRAIN_EVERY_S
        found = self._disk(lambda spool: spool.after(self._loaded, DRAIN))
        if found is None:
            return
        for number, payload in found:
            self._waiting.append(Parcel(number, payload, on_disk=True))
            self._loaded = number
        self._stored = self._stored - len(found) if len(found) == DRAIN else 0

    def _disk(self, action: Callable[[Store], T]) -> T | None:
        """Do something with the spool; None if that fails, which is logged once."""
        if self._spool is None:
            return None
        try:
            try:
                return action(self._spool)
            except SpoolBrokenError as error:
                if time.monotonic() < self._rebuild_again:
                    raise
                self._rebuild_again = time.monotonic() + REBUILD_EVERY_S
                self._rebuild(self._spool, error)
                return action(self._spool)
        except SpoolError as error:
            if not self._disk_fails:
                log.warning("%s; arrays wait in memory until it works", error)
            self._disk_fails = True
            return None

    def _rebuild(self, spool: Store, error: SpoolError) -> None:
        """Begin a new file with what the old one still gives, and what is in memory."""
        renamed_to = spool.rebuild(self._loaded)
        # What we were about to store may be in it already, but is not counted yet.
        here = [each.number for each in chain(self._waiting, self._behind)]
        self.dropped += spool.update((), here, self._loaded)
        saved = spool.count(self._loaded)
        renamed = f", renamed to {renamed_to.name}" if renamed_to else ""
        log.warning(
            "%s%s; made a new one: %d arrays saved, %d lost",
            *(error, renamed, saved, self._stored - saved),
        )
        self._stored = saved
        self._arrived.clear()  # the new file has none of them
        for each in chain(self._flight.values(), self._waiting):
            each.on_disk = False
        self._rebuild_again = 0.0

    def _works_again(self) -> None:
        if self._disk_fails and self._spool:
            self._disk_fails = False
            log.info("%s: works again", self._spool.path)
