"""Arrays in, in their order out, and remembered until they have arrived. No MQTT.

While the broker acknowledges, arrays live in memory only: an SD card wears out.  When it
does not, ``spill`` takes all that has not arrived to disk, and what comes then goes there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from .spool import Spool

log = logging.getLogger(__name__)

T = TypeVar("T")

DRAIN, DRAIN_EVERY_S = 50, 1.0
"""So many arrays from disk: a broker drops what comes faster than its readers take it."""


class SpoolError(Exception):
    """The spool cannot be used; says which file and why.

    It stands here since SQLite is loaded only where there is a spool.
    """


@dataclass
class Parcel:
    """An array on its way; ``number`` gives the order."""

    number: int
    payload: bytes
    on_disk: bool = False
    since: float = field(default_factory=time.monotonic)


class Outbox:
    """A queue whose front, ``window`` arrays at most, is in flight.

    From the front: what is in flight, what waits in memory, what waits on disk, and behind
    that again in memory what the disk did not take.  Without a spool ``room`` arrays wait in
    memory; the oldest give way first.  Methods may be called from any thread, and never
    raise for what the disk does.
    """

    def __init__(self, spool: Spool | None, room: int, window: int) -> None:
        self.room = room
        self._spool = spool
        self._window = window
        self._lock = threading.RLock()
        self._flight: dict[int, Parcel] = {}
        self._waiting: deque[Parcel] = deque()
        self._loaded = 0  # what the spool holds behind this number waits there
        self._stored = spool.count if spool else 0  # how many those are
        self._behind: deque[Parcel] = deque()
        self._last = spool.last if spool else 0
        self._dropped = spool.purged if spool else 0
        self._load_again = 0.0
        self._not_removed: set[int] = set()  # arrived, but still on a disk that failed
        self._disk_fails = False

    def put(self, payload: bytes) -> None:
        """Take an array."""
        with self._lock:
            self._last += 1
            parcel = Parcel(self._last, payload)
            queue = self._behind if self._stored or self._behind else self._waiting
            queue.append(parcel)
            if len(queue) > self.room:
                queue.popleft()
                self._dropped += 1
            self._store_behind()

    def can_send(self) -> bool:
        """Whether ``next`` has something to give."""
        with self._lock:
            return len(self._flight) < self._window and bool(
                self._waiting or (self._may_load() if self._stored else self._behind)
            )

    def next(self) -> Parcel | None:
        """The array to send next, which is then in flight; None if there is none or no room."""
        with self._lock:
            if not self.can_send():
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
        with self._lock:
            parcel = self._flight.pop(number, None)
            if parcel and parcel.on_disk:
                self._not_removed.add(number)
                self._remove_arrived()

    def back(self, parcel: Parcel) -> None:
        """An array could not be sent: it is the next one again."""
        with self._lock:
            if self._flight.pop(parcel.number, None):
                self._waiting.appendleft(parcel)

    def lost(self) -> None:
        """Whatever was in flight is lost without a word, as QoS 0 has it."""
        with self._lock:
            for number in list(self._flight):
                self.arrived(number)

    def spill(self) -> None:
        """Take all that has not arrived to disk, if there is one."""
        with self._lock:
            if not self._spool:
                return
            self._store_behind()
            front = chain(self._flight.values(), self._waiting)
            if self._store([each for each in front if not each.on_disk]) and self._waiting:
                self._loaded = self._waiting[0].number - 1
                self._stored += len(self._waiting)
                self._waiting.clear()

    def overdue(self, seconds: float) -> bool:
        """Whether an array that is only in memory has waited for so long."""
        with self._lock:
            parcels = chain(self._flight.values(), self._waiting, self._behind)
            oldest = next((each for each in parcels if not each.on_disk), None)
            return oldest is not None and time.monotonic() - oldest.since > seconds

    def waiting(self) -> int:
        """How many arrays are not yet in flight."""
        return len(self._waiting) + self._stored + len(self._behind)

    def undelivered(self) -> int:
        """How many arrays have not arrived."""
        with self._lock:
            return self.waiting() + len(self._flight)

    def take_dropped(self) -> int:
        """How many arrays have given way since this was last asked."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
            return dropped

    def close(self) -> int:
        """Take what is left to disk; return how many arrays are lost."""
        with self._lock:
            self.spill()
            in_memory = chain(self._flight.values(), self._waiting, self._behind)
            lost = sum(not each.on_disk for each in in_memory)
            self._disk(lambda spool: spool.close())
            self._spool = None  # a late acknowledgement must not touch it
            return lost

    def _store_behind(self) -> None:
        if self._behind and self._store(list(self._behind)):
            self._stored += len(self._behind)
            self._behind.clear()

    def _store(self, parcels: list[Parcel]) -> bool:
        """Write parcels to disk; return whether they are there."""
        if not parcels:
            return True
        # What is in flight may be stored as well, but waits no more.
        self._loaded = max(self._loaded, *self._flight, 0)
        arrays = [(parcel.number, parcel.payload) for parcel in parcels]
        gone = self._disk(lambda spool: spool.put(arrays, self._loaded))
        if gone is None:
            return False
        if self._disk_fails and self._spool:
            self._disk_fails = False
            log.info("%s: works again", self._spool.path)
        self._stored -= gone
        self._dropped += gone
        for parcel in parcels:
            parcel.on_disk = True
        self._remove_arrived()
        return True

    def _may_load(self) -> bool:
        return time.monotonic() >= self._load_again

    def _load(self) -> None:
        self._load_again = time.monotonic() + DRAIN_EVERY_S
        for number, payload in self._disk(lambda s: s.after(self._loaded, DRAIN)) or []:
            self._waiting.append(Parcel(number, payload, on_disk=True))
            self._loaded = number
            self._stored -= 1

    def _remove_arrived(self) -> None:
        numbers = list(self._not_removed)
        if numbers and self._disk(lambda spool: spool.remove(numbers)) is not None:
            self._not_removed.clear()

    def _disk(self, action: Callable[[Spool], T]) -> T | None:
        """Do something with the spool; None if that fails, which is told once."""
        if self._spool is None:
            return None
        try:
            return action(self._spool)
        except SpoolError as error:
            if self._spool.damaged:
                log.warning("%s; on without a spool, %d arrays in it are lost", error, self._stored)
                self._spool, self._stored = None, 0
            elif not self._disk_fails:
                log.warning("%s; arrays wait in memory until it works", error)
            self._disk_fails = True
            return None
