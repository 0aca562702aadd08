"""What python-can does not do for socketcand, a server that passes a CAN bus on over TCP.

Its bus tries for ten seconds without a pause to connect, waits for ever for the first word of
the server, and takes the end of the connection for a bus without frames.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping
from typing import Any

NAME = "socketcand"
ANSWER_S = 5.0
_GREETING = b"< hi >"


def check_server(settings: Mapping[str, Any]) -> None:
    """Raise OSError unless a socketcand answers at the ``host`` and ``port`` of the settings."""
    address = str(settings["host"]), int(settings["port"])
    with socket.create_connection(address, ANSWER_S) as connection:
        try:
            greeting = connection.recv(len(_GREETING), socket.MSG_WAITALL)
        except TimeoutError:
            greeting = b""
    if greeting != _GREETING:
        raise OSError(errno.EPROTO, f"no socketcand answers at {address[0]}:{address[1]}")


class ServerLink:
    """The TCP connection behind an open bus: with TCP keepalive."""

    def __init__(self, bus: object) -> None:
        self._socket = next(each for each in vars(bus).values() if isinstance(each, socket.socket))
        for level, option, value in (
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
        ):
            self._socket.setsockopt(level, option, value)

    def check(self) -> None:
        """Raise OSError if the server has closed the connection."""
        try:
            ended = not self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if ended:
            raise OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
