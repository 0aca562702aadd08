"""What happens to the broker connection in, few and clear log lines out."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass

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


class OutageLog:
    """Logs each outage once: why the broker is away, and when it is back.

    One outage may have several causes after each other; each kind of cause is logged once.
    Connections that the broker ends as soon as they are made have a cause of their own, such as
    another client with the same id.
    """

    def __init__(self, name: str, client_id: str) -> None:
        self.name = name
        self._client_id = client_id
        self._up_since: float | None = None
        self._down_since: float | None = None
        self._short = 0
        self._logged: set[str] = set()

    def up(self) -> None:
        """The broker answers us."""
        self._up_since = time.monotonic()
        if _TWICE in self._logged:
            return
        if self._down_since is None:
            log.info("%s: connected", self.name)
        elif self._logged:
            log.info("%s: back after %.0f s", self.name, self._up_since - self._down_since)
        self._logged.clear()

    def lost(
        self, error: BrokerError, closed: bool = True, evidence: Evidence = Evidence()
    ) -> None:
        """A connection that the broker had accepted has ended.

        ``closed`` is whether it was closed from outside.
        """
        now = time.monotonic()
        lasted, self._up_since = now - (self._up_since or now), None
        if lasted >= SHORT_S or self._down_since is None:
            self._down_since = now
        if lasted >= SHORT_S:
            self._logged.clear()
        what = str(error)
        if error.reason == TAKEN_OVER:
            what = f"{error}; another client uses client_id '{self._client_id}'"
        if lasted >= SHORT_S or not closed:
            self._short = 0
            self._warn(error.kind, f"{what}; {_KEPT}")
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
        self._logged.discard(_TWICE)
        if self._down_since is None:
            self._down_since = time.monotonic()
        self._warn(error.kind, f"{error}; {_KEPT}")

    def check(self) -> None:
        """Time has passed: has a connection after short ones held?"""
        if _TWICE in self._logged and time.monotonic() - (self._up_since or math.inf) >= SHORT_S:
            log.info("%s: the connection holds again", self.name)
            self._logged.clear()

    def _questions(self, evidence: Evidence) -> str:
        questions = []
        if evidence.largest:
            questions.append(f"is its max_packet_size below {evidence.largest} bytes")
        if evidence.qos is not None:
            questions.append(f"does it not take QoS {evidence.qos}")
        questions.append(f"does another client use client_id '{self._client_id}'")
        return ", or ".join(questions)

    def _warn(self, kind: str, text: str) -> None:
        if kind not in self._logged:
            self._logged.add(kind)
            log.warning("%s: %s", self.name, text)
