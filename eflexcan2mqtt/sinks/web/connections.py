"""The open connections of the page: how many there may be, and until when each may last."""

from __future__ import annotations

import socket
import threading
import time
from typing import NamedTuple

from .address import is_loopback

MOST_CONNECTIONS = 40
MOST_OF_ONE = MOST_CONNECTIONS // 4
"""Of one address; but for this machine's own, where a reverse proxy speaks for many."""


class _Open(NamedTuple):
    host: str
    until: float


class Connections:
    """Counts connections; used by many threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._open: dict[socket.socket, _Open] = {}

    def add(self, connection: socket.socket, host: str, lasts_s: float) -> bool:
        """Take a connection from a host; return False if there are too many."""
        with self._guard:
            of_host = sum(each.host == host for each in self._open.values())
            most_of_host = MOST_CONNECTIONS if is_loopback(host) else MOST_OF_ONE
            if len(self._open) >= MOST_CONNECTIONS or of_host >= most_of_host:
                return False
            self._open[connection] = _Open(host, time.monotonic() + lasts_s)
            return True

    def keep(self, connection: socket.socket) -> None:
        """Let a connection last as long as its client wants."""
        with self._guard:
            if found := self._open.get(connection):
                self._open[connection] = found._replace(until=float("inf"))

    def remove(self, connection: socket.socket) -> None:
        """Forget a connection; it may be one that was not taken."""
        with self._guard:
            self._open.pop(connection, None)

    def late(self) -> list[socket.socket]:
        """The connections that have lasted too long."""
        now = time.monotonic()
        with self._guard:
            return [connection for connection, each in self._open.items() if now > each.until]
