"""What happens to the broker connection in, few and clear log lines out."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field

from .happenings import BrokerError

log = logging.getLogger(__name__)

SHORT_S = 10.0
"""A connection that ends sooner has not ended the outage."""

SHORT_IN_A_ROW = 2

TAKEN_OVER = 0x8E
"""The reason code of MQTT 5 for another client with our id."""

_TWICE = "twice"
_KEPT = "arrays are kept until it is back"


@dataclass(frozen=True)
class Evidence:
    """What the broker had not acknowledged when it ended a connection.

    ``largest`` is the size of the largest array in bytes; ``qos`` is the QoS of arrays that may
    be the cause, if it may.
    """

    largest: int = 0
    qos: int | None = None


@dataclass
class Outage:
    """What the brokers of a list have in common: whether none of them answers us, and since when.

    ``used`` is the last that has answered; ``logged`` has what was logged of which broker, until
    it is over.
    """

    up_since: float | None = None
    down_since: float | None = None
    used: str | None = None
    logged: set[tuple[str, str]] = field(default_factory=set)


class OutageLog:
    """Logs each outage once: why a broker is away, and when it, or another, is there.

    One outage may have several causes after each other; each kind of cause is logged once for each
    broker.  Connections that the broker ends as soon as they are made have a cause of their own,
    such as another client with the same id.
    """

    def __init__(self, name: str, client_id: str, outage: Outage, *, alone: bool = True) -> None:
        """``outage`` is shared with the other brokers, unless this one is ``alone``."""
        self.name = name
        self._client_id = client_id
        self._outage = outage
        self._alone = alone
        self._kept = f"arrays are kept until {'it is back' if alone else 'a broker answers'}"
        self._short = 0

    @property
    def held(self) -> bool:
        """Whether the connection has lasted so long that the outage before it is over."""
        return time.monotonic() - (self._outage.up_since or math.inf) >= SHORT_S

    def up(self) -> None:
        """The broker answers us."""
        outage = self._outage
        outage.up_since = now = time.monotonic()
        before, outage.used = outage.used, self.name
        if (self.name, _TWICE) in outage.logged:
            return
        away_s = now - (outage.down_since or now)
        if outage.down_since is None or not (self._alone or before):
            log.info("%s: connected", self.name)
        elif before not in (None, self.name):
            log.info("%s: connected after %.0f s, instead of %s", self.name, away_s, before)
        elif outage.logged:
            log.info("%s: back after %.0f s", self.name, away_s)
        # Brokers of which none holds would be logged again and again.
        outage.logged = {each for each in outage.logged if each[1] == _TWICE}

    def lost(
        self, error: BrokerError, closed: bool = True, evidence: Evidence = Evidence()
    ) -> None:
        """A connection that the broker had accepted has ended.

        ``closed`` is whether it was closed from outside.
        """
        outage, held = self._outage, self.held
        outage.up_since = None
        if held or outage.down_since is None:
            outage.down_since = time.monotonic()
        if held:
            outage.logged.clear()
        what = str(error)
        if error.reason == TAKEN_OVER:
            what = f"{error}; another client uses client_id '{self._client_id}'"
        if held or not closed:
            self._short = 0
            self._warn(error.kind, f"{what}; {self._kept}")
            return
        self._short += 1
        when = "arrays are sent" if evidence.largest else "it is made"
        if error.reason == TAKEN_OVER:
            self._warn(_TWICE, what)
        elif self._short < SHORT_IN_A_ROW:
            pass
        elif error.reason is not None:
            self._warn(_TWICE, f"{what}, each time as soon as {when}")
        else:
            questions = self._questions(evidence)
            self._warn(_TWICE, f"ends each connection as soon as {when}; {questions}?")

    def failed(self, error: BrokerError) -> None:
        """An attempt to connect has failed."""
        # A client that takes over our id would have let us in.
        self._short = 0
        self._outage.logged.discard((self.name, _TWICE))
        if self._outage.down_since is None:
            self._outage.down_since = time.monotonic()
        self._warn(error.kind, f"{error}; {self._kept}")

    def check(self) -> None:
        """Time has passed: has a connection after short ones held?"""
        if self._outage.logged and self.held:
            if (self.name, _TWICE) in self._outage.logged:
                log.info("%s: the connection holds again", self.name)
            self._outage.logged.clear()

    def _questions(self, evidence: Evidence) -> str:
        questions = []
        if evidence.largest:
            questions.append(f"is its max_packet_size below {evidence.largest} bytes")
        if evidence.qos is not None:
            questions.append(f"does it not take QoS {evidence.qos}")
        questions.append(f"does another client use client_id '{self._client_id}'")
        return ", or ".join(questions)

    def _warn(self, kind: str, text: str) -> None:
        if (self.name, kind) not in self._outage.logged:
            self._outage.logged.add((self.name, kind))
            log.warning("%s: %s", self.name, text)
