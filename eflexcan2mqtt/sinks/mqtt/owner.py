"""The broker's owner: the one thread that has the connection, the outbox and the spool.

Cycles that become arrays, and orders, come in through queues, and a byte on ``wake`` says that
there are some.  ``latest`` is replaced with every cycle, ``state`` goes out: immutable snapshots.
"""

from __future__ import annotations

import logging
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeAlias

from ...protocol.array import array_of
from ...protocol.reading import Reading
from ...settings.schema import Mqtt, SpoolSettings
from ..json_lines import to_json
from .announcers import Announcers
from .dropped import DropLog
from .farewell import Farewells, Visit
from .opening import open_outbox
from .search import Attempt, Search
from .session import Session
from .shared import Latest, shared_of

log = logging.getLogger(__name__)

OVERDUE_S = 1.0
"""An array that the broker has not acknowledged by then is kept on disk, if there is a spool."""

TICK_S = 1.0

# Before the deadline of a stop: until then arrays are sent, their acknowledgements awaited, and
# `offline` acknowledged.
_SEND_S, _AWAIT_S, _OFFLINE_S = 0.7, 0.5, 0.1


@dataclass(frozen=True)
class Close:
    """The order to end by a time of the monotonic clock."""

    deadline: float


Order: TypeAlias = Attempt | Visit | Close


@dataclass(frozen=True)
class OwnerState:
    """How things are.

    ``open`` is whether the spool has been opened; ``taken`` is the number of the last cycle
    that was taken from the queue, ``connected_to`` the name of the broker in use, if there is one,
    ``waiting`` how many arrays of those and of the spool the broker has not acknowledged,
    ``connections`` how many it has accepted, ``dropped`` how many arrays had to be dropped.
    """

    open: bool = False
    taken: int = 0
    connected_to: str = ""
    waiting: int = 0
    connections: int = 0
    dropped: int = 0


class Owner:
    """Runs in its thread until it is told to close; anything that it cannot handle is raised."""

    def __init__(
        self,
        config: Mqtt,
        spool: SpoolSettings | None,
        announcers: Announcers,
        room: int,
        wake: socket.socket,
    ) -> None:
        self.cycles: deque[tuple[int, list[Reading]]] = deque(maxlen=room)
        self.latest = Latest()
        self.orders: SimpleQueue[Order] = SimpleQueue()
        self.state = OwnerState()
        self._wake = wake
        self._spool_settings = spool
        self._config = config
        self._announcers = announcers
        self._array_of = array_of(config.fields)
        self._room = room
        self._session: Session | None = None
        self._connections = 0
        self._overrun = 0  # cycles that were dropped from the queue
        self._taken = 0

    def run(self, wake_owner: Callable[[], None]) -> None:
        """Serve until ``Close``; ``wake_owner`` writes a byte to the other end of ``wake``."""
        self._outbox = open_outbox(self._spool_settings, self._room)
        self._brokers = shared_of(self._config, self._outbox, self._announcers)
        self._drop_log = DropLog(self._config.name, alone=len(self._brokers) == 1)

        def report(order: Order) -> None:
            self.orders.put(order)
            wake_owner()

        self._search = Search(self._brokers, report)
        self._farewells = Farewells(report)
        for each in self._brokers:  # a run before may have left `online` there
            self._farewells.left(each.config, time.monotonic())
        while not (close := self._take()):
            self._advance()
            self._wait()
        self._leave(close.deadline)
        self._wake.close()

    def _take(self) -> Close | None:
        """Take what is in the queues: orders first, for all cycles before an order count."""
        close = None
        while True:
            try:
                order = self.orders.get_nowait()
            except Empty:
                break
            match order:
                case Attempt():
                    session = self._search.take(order, wanted=self._session is None)
                    self._session = session or self._session
                case Visit(asks=True):
                    if self._session and self._session.ready:
                        self._session.say(b"online")
                case Visit():
                    self._farewells.ended(order, time.monotonic())
                case Close():
                    close = order
        while self.cycles:
            number, cycle = self.cycles.popleft()
            self._overrun += number - self._taken - 1
            self._taken = number
            self._outbox.put(to_json(self._array_of(cycle)).encode())
        return close

    def _advance(self) -> None:
        """Do what can be done now."""
        outbox, session = self._outbox, self._session
        self._announcers.tick(time.monotonic())
        if session:
            session.check()
            session.send(self.latest)
        if session and session.ended:
            if session.accepted:
                self._farewells.left(self._search.current.config, time.monotonic())
            self._search.ended(session)
            self._session = session = None
        if not session:
            self._search.advance()
        outbox.check()
        ready = session is not None and session.ready
        if ready:
            self._farewells.tick(time.monotonic())
        outbox.save(everything=not ready or outbox.overdue(OVERDUE_S))
        self._log_dropped()
        self._publish_state()

    def _wait(self) -> None:
        """Wait until something happens."""
        if self._session:
            accepted = self._session.accepted
            for event in self._session.connection.wait(TICK_S, self._wake):
                self._session.handle(event)
            if self._session.accepted and not accepted:
                self._connections += 1
                self._search.accepted()
                self._farewells.joined(self._search.current.config)
        else:
            select.select([self._wake], [], [], min(self._search.pause_s, TICK_S))
        with suppress(BlockingIOError):
            self._wake.recv(4096)

    def _publish_state(self) -> None:
        outbox, session = self._outbox, self._session
        refused = sum(each.refusals.dropped for each in self._brokers)
        self.state = OwnerState(
            open=True,
            taken=self._taken,
            connected_to=self._search.current.config.name if session and session.ready else "",
            waiting=outbox.undelivered(),
            connections=self._connections,
            dropped=outbox.dropped + self._overrun + refused,
        )

    def _leave(self, deadline: float) -> None:
        """Deliver what can be delivered, say ``offline`` and go."""
        outbox, session = self._outbox, self._session
        outbox.stop_loading()
        self._announcers.stop()
        if session:
            self._serve(
                session, deadline - _SEND_S, lambda: bool(outbox.in_flight() or outbox.sendable())
            )
            session.send(self.latest)
            session.stop_sending()
            self._serve(session, deadline - _AWAIT_S, session.unanswered)
        outbox.save(everything=True)
        self._announcers.close()
        self._publish_state()
        # With arrays in flight the last will says it: they could still arrive behind `offline`.
        if session and session.accepted and not session.ended and not outbox.in_flight():
            offline = session.say(b"offline")
            self._serve(session, deadline - _OFFLINE_S, lambda: session.waits_for(offline))
            if not session.waits_for(offline) and not session.ended:
                session.connection.leave()
                self._serve(session, deadline, lambda: not session.ended)
        if session:
            session.connection.close()  # where `offline` was not heard, the last will says it
        lost, left = outbox.only_in_memory(), outbox.undelivered()
        if left:
            fate = "not delivered" if lost else "kept on disk"
            log.warning("%s: %s: %d arrays", self._search.current.outage.name, fate, lost or left)
        self._log_dropped(at_the_end=True)
        outbox.close()

    def _serve(self, session: Session, until: float, condition: Callable[[], bool]) -> None:
        while condition() and session.accepted and not session.ended:
            session.send(self.latest)
            left = until - time.monotonic()
            if left <= 0:
                return
            for event in session.connection.wait(left):
                session.handle(event)

    def _log_dropped(self, at_the_end: bool = False) -> None:
        outbox = self._outbox
        over = at_the_end or outbox.undelivered() == len(outbox.in_flight())
        self._drop_log.check(outbox.dropped + self._overrun, over)
