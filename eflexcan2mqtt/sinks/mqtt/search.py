"""The brokers in; a connection to the first that can be used out.

They are tried in turn, beginning with the first; behind the last there is a pause, which grows.
Belongs to the broker's owner.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .connection import Connection
from .dialogue import connect
from .happenings import MUTE, BrokerError
from .session import MUTE_S, Session
from .shared import Shared, status

RECONNECT_S = (1.0, 30.0)
"""The first pause between two rounds, and the longest: each is twice the one before."""

SLOW = f"no connection within {MUTE_S:.0f} s"


@dataclass(frozen=True)
class Attempt:
    """How the attempt to connect to the broker with this number has ended."""

    number: int
    result: Connection | BrokerError


class Search:
    """Finds a broker whenever there is no session; ``current`` is the one tried or used last."""

    def __init__(self, brokers: Sequence[Shared], report: Callable[[Attempt], None]) -> None:
        self.current = brokers[0]
        self._brokers = brokers
        self._report = report
        self._next = 0
        self._running: set[int] = set()  # a name lookup may hang: nothing can end such an attempt
        self._awaited: int | None = None  # of those, the one whose end decides what is tried next
        self._begun = 0.0
        self._retry_at = 0.0
        self._pause_s = RECONNECT_S[0]

    @property
    def pause_s(self) -> float:
        """How long there is nothing to do, unless an attempt ends; it may be infinite."""
        due = self._retry_at
        if self._awaited is not None:
            due = math.inf if len(self._brokers) == 1 else self._begun + MUTE_S
        return max(due - time.monotonic(), 0.0)

    def advance(self) -> None:
        """Begin an attempt if one is due; do not wait for ever for one if there are others."""
        now = time.monotonic()
        if self._awaited is not None:
            if len(self._brokers) == 1 or now < self._begun + MUTE_S:
                return
            self._brokers[self._awaited].outage.failed(BrokerError(MUTE, SLOW))
            self._turn()
        elif now >= self._retry_at:
            if self._next in self._running:
                self._turn()
            else:
                self._begin(self._next)

    def take(self, attempt: Attempt, *, wanted: bool) -> Session | None:
        """An attempt has ended; the session that begins, if one is ``wanted``."""
        number, result = attempt.number, attempt.result
        self._running.discard(number)
        match result:
            case Connection():
                if not wanted:
                    result.close()
                    return None
                self._awaited, self._retry_at = None, 0.0
                self._next, self.current = number, self._brokers[number]
                return Session(result, self.current)
            case BrokerError():
                # One that has failed too late has been reported.
                if number == self._awaited:
                    self._brokers[number].outage.failed(result)
                    self._turn()
        return None

    def accepted(self) -> None:
        """The broker has accepted the connection."""
        self._pause_s = RECONNECT_S[0]

    def ended(self, session: Session) -> None:
        """The session has ended: the next search begins with the first broker.

        Unless this one has only looked as if it worked: it goes on behind it.
        """
        if session.again:
            return
        if session.proven:
            self._next = 0
            self._pause()
        else:
            self._turn()

    def _turn(self) -> None:
        """Go on with the next broker; at the end of a round, after a pause."""
        self._awaited = None
        self._next = (self._next + 1) % len(self._brokers)
        if not self._next:
            self._pause()

    def _pause(self) -> None:
        self._retry_at = time.monotonic() + self._pause_s
        self._pause_s = min(self._pause_s * 2, RECONNECT_S[1])

    def _begin(self, number: int) -> None:
        self._running.add(number)
        self._awaited, self._begun = number, time.monotonic()
        self.current = shared = self._brokers[number]

        def report(result: Connection | BrokerError) -> None:
            self._report(Attempt(number, result))

        terms = shared.negotiation.offer()
        will = terms.limit(status(shared.config, b"offline"))
        connect(shared.config, shared.config.client_id, will, terms.version, report)
