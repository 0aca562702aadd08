"""What happens to the broker connection in, few and clear log lines out."""

from __future__ import annotations

import logging
import math
import time

log = logging.getLogger(__name__)

SHORT_S = 10.0
"""A connection that ends sooner has not brought the broker back for good."""

SHORT_IN_A_ROW = 2

GONE, MUTE, TWICE = "gone", "mute", "twice"
UNTIL = "arrays are kept until it is back"


class Link:
    """Tells each outage once: why the broker is gone, and when it is back.

    One outage may have several causes after each other; each kind of cause is told
    once.  Connections that the broker ends as soon as they are made are no news:
    they mean that another client uses the same id.
    """

    def __init__(self, name: str, client_id: str) -> None:
        self.name = name
        self._client_id = client_id
        self._up_since: float | None = None
        self._down_since: float | None = None
        self._short = 0
        self._told: set[str] = set()

    def up(self) -> None:
        """The broker has accepted us."""
        self._up_since = time.monotonic()
        if TWICE in self._told:
            return
        if self._down_since is None:
            log.info("%s: connected", self.name)
        elif self._told:
            log.info("%s: back after %.0f s", self.name, self._up_since - self._down_since)
        self._told.clear()

    def lost(self, reason: str) -> None:
        """A connection that was up has ended."""
        now = time.monotonic()
        lasted, self._up_since = now - (self._up_since or now), None
        self._down_since = now
        if lasted >= SHORT_S:
            self._short = 0
            self._told.clear()
            self._tell(GONE, f"{reason}; {UNTIL}")
            return
        self._short += 1
        if self._short >= SHORT_IN_A_ROW:
            self._tell(
                TWICE,
                "ends each connection as soon as it is made; "
                f"does another client use client_id '{self._client_id}'?",
            )

    def failed(self, kind: str, reason: str) -> None:
        """An attempt to connect has failed; ``kind`` tells causes apart."""
        # A client that throws us out would have let us in.
        self._short = 0
        self._told.discard(TWICE)
        if self._down_since is None:
            self._down_since = time.monotonic()
        self._tell(kind, f"{reason}; {UNTIL}")

    def held(self) -> None:
        """Time has passed: has a connection after short ones held?"""
        if TWICE in self._told and time.monotonic() - (self._up_since or math.inf) >= SHORT_S:
            log.info("%s: the connection holds again", self.name)
            self._told.clear()

    def _tell(self, kind: str, text: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            log.warning("%s: %s", self.name, text)
