"""The energy of this run in, counters that outlive it out: a retained message and a file.

kept.py says with what they begin.  Two things hold at any moment, so that it can: the file without
the mark of a clean stop was written before anything was published, and its time is that of a
message that the broker has acknowledged.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...protocol.energy import ENERGY, EnergySession, EnergyTotals
from ...protocol.reading import Reading
from ..message import Announcer, Message
from .energy_file import EnergyFile
from .kept import LATEST, Kept, begin, parse, raised, shown

log = logging.getLogger(__name__)

PUBLISH_S = 10.0
SAVE_S = 60.0

RETAINED_S = 2.0
"""A retained message comes at once behind the answer to the subscription, if there is one."""

_TICK = 0.1
"""What the time of a message is rounded to."""


class _Published(NamedTuple):
    time: float
    payload: bytes
    shown: dict[str, Any]


class EnergyCounters(Announcer):
    """Continues the counters of the runs before; without a ``folder`` only the broker keeps them.

    Nothing is published before both are known.  The first message has what the runs before have
    counted: after a beginning at 0, readers see the 0.  With ``several`` brokers, what another one
    has kept is waited for before anything is published there.
    """

    def __init__(
        self,
        topic: str,
        folder: Path | None,
        session: Callable[[], EnergySession],
        clock: Callable[[], float] = time.time,
        *,
        several: bool = False,
    ) -> None:
        self._several = several
        self.topics = (message_topic(topic),)
        self._topic = message_topic(topic)
        self._file = EnergyFile(folder) if folder else None
        self._session = session
        self._clock = clock
        self._counted = EnergySession()  # what of the session is in the totals
        self._totals: EnergyTotals | None = None  # None: not known yet
        self._base = EnergyTotals()  # with what they began
        self._read = False
        self._found: Kept | None = None
        self._retained: Kept | None = None
        self._known_at = math.inf
        self._publish_at = self._save_at = math.inf
        self._time = 0.0  # of the last message that the broker has acknowledged
        self._last = 0.0  # of the last one
        self._sent: _Published | None = None
        self._arrived: _Published | None = None

    def health(self) -> dict[str, Any]:
        """What the broker has, JSON-ready."""
        arrived = self._arrived
        return {ENERGY: arrived.shown} if arrived else {}

    def connected(self) -> None:
        """Another connection: the answer to its subscription counts."""
        self._known_at = math.inf

    def subscribed(self, topic: str, now: float) -> None:
        """If there is a retained message, it is on its way."""
        self._known_at = min(self._known_at, now + RETAINED_S)

    def received(self, message: Message) -> None:
        """Only what is there before the first message of ours counts, but on another broker."""
        if not message.retain or (self._totals is not None and not self._several):
            return
        self._known_at = -math.inf
        try:
            found = parse(message.payload)
        except ValueError as error:
            log.warning("%s: the retained message is ignored: %s", self._topic, error)
            return
        if self._totals is None:
            self._retained = found
        else:
            self._base = raised(self._base, found.totals)
            self._totals = raised(self._count(self._totals), found.totals)
            self._last = max(self._last, found.time)

    def tick(self, now: float) -> None:
        """Read the file, begin, and write the file each minute."""
        if not self._read:
            self._read = True
            self._found = self._file.read() if self._file else None
        if self._totals is None:
            if now >= self._known_at:
                self._begin(now)
        elif self._file and now >= self._save_at:
            self._save_at = now + SAVE_S
            self._file.write(Kept(self._time, self._count(self._totals)))

    def due(self, cycle: list[Reading], now: float) -> Iterator[Message]:
        """The counters, every ten seconds."""
        if self._totals is None or now < self._publish_at:
            return
        if self._several and now < self._known_at:
            return
        totals = self._count(self._totals) if self._arrived else self._base
        # Of two messages the later one can always be told, whatever the clock does.
        clock = self._clock()
        at = round(max(clock if clock < LATEST else 0.0, self._last + _TICK), 1)
        found = shown(Kept(at, totals))
        message = Message(self._topic, json.dumps(found).encode(), retain=True)
        yield message
        self._last = at
        self._sent = _Published(at, message.payload, found)
        self._publish_at = now + PUBLISH_S

    def answered(self, message: Message, *, taken: bool) -> None:
        """Only once the broker has it, nothing less may be shown."""
        sent = self._sent
        if taken and sent and message[:2] == (self._topic, sent.payload):
            self._arrived = sent
            self._time = sent.time

    def stop(self) -> None:
        """The last message is due at once."""
        self._publish_at = -math.inf

    def close(self) -> None:
        """Write the file with its mark."""
        if self._totals is None and self._found and self._found.clean:
            # The broker was never there, but it has nothing that this file does not have.
            self._totals, self._time = self._found.totals, self._found.time
        if self._file and self._totals is not None:
            self._file.write(Kept(self._time, self._count(self._totals), clean=True))

    def _begin(self, now: float) -> None:
        self._base, remark = begin(self._found, self._retained)
        self._totals = self._base
        if remark:
            log.warning("%s: %s", self._topic, remark)
        times = [each.time for each in (self._found, self._retained) if each]
        self._time = self._last = max(times, default=0.0)
        if self._file:
            self._file.begin(Kept(self._time, self._base))
        self._publish_at, self._save_at = now, now + SAVE_S
        if not self._several:
            self.topics = ()  # what comes there from now on is ours

    def _count(self, totals: EnergyTotals) -> EnergyTotals:
        """With what the session has counted meanwhile."""
        session = self._session()
        self._totals = totals.plus(session, self._counted)
        self._counted = session
        return self._totals


def message_topic(topic: str) -> str:
    """Where the counters are, by the topic of the arrays."""
    return f"{topic}/{ENERGY}"
