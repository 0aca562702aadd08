"""What happens to the broker connection in, few and clear log lines out."""

from __future__ import annotations

import logging
import math
import time

from .connection import BrokerError

log = logging.getLogger(__name__)

SHORT_S = 10.0
"""A connection that ends sooner has not ended the outage."""

SHORT_IN_A_ROW = 2

_TWICE = "twice"
_KEPT = "arrays are kept until it is back"


class OutageLog:
    """Logs each outage once: why the broker is away, and when it is back.

    One outage may have several causes after each other; each kind of cause is logged once.
    Connections that the broker ends as soon as they are made mean that another client uses the
    same id.
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

    def lost(self, error: BrokerError, closed: bool = True, in_flight_bytes: int = 0) -> None:
        """A connection that the broker had accepted has ended.

        ``closed`` is whether it was closed from outside; ``in_flight_bytes`` is the size of the
        largest array that the broker had not acknowledged.
        """
        now = time.monotonic()
        lasted, self._up_since = now - (self._up_since or now), None
        if lasted >= SHORT_S or self._down_since is None:
            self._down_since = now
        if lasted >= SHORT_S:
            self._logged.clear()
        if lasted >= SHORT_S or not closed:
            self._short = 0
            self._warn(error.kind, f"{error}; {_KEPT}")
            return
        self._short += 1
        if self._short >= SHORT_IN_A_ROW:
            when, limit = "it is made", ""
            if in_flight_bytes:
                when = "arrays are sent"
                limit = f"is its max_packet_size below {in_flight_bytes} bytes, or "
            self._warn(
                _TWICE,
                f"ends each connection as soon as {when}; "
                f"{limit}does another client use client_id '{self._client_id}'?",
            )

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

    def _warn(self, kind: str, text: str) -> None:
        if kind not in self._logged:
            self._logged.add(kind)
            log.warning("%s: %s", self.name, text)
