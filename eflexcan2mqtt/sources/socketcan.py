"""What only SocketCAN has: few wake-ups, and what is asked of the socket of python-can's bus.

To be woken for a frame costs more than to read it: so frames gather in the kernel, which also
gives each its time.  A socket whose interface was pulled and plugged in again is silent for ever.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..protocol.blocks import TICK_S, Frame
from .messages import ERRORS, is_ours, reason

RECEIVE_BUFFER = 1 << 20
"""Bytes to ask for; the kernel's default holds 1.1 s of a bank of 14."""

GATHER_S = 0.05
"""How long frames gather: two or three batteries, or 100 frames of the busiest wire."""

MOST_AT_ONCE = 1024
"""Messages: a bus that is faster than this computer is handed on, too."""

_SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")
_IFF_UP = 1


class Interface:
    """The interface behind an open bus.  Raises OSError if there is none of that name."""

    def __init__(self, bus: Any, channel: str) -> None:
        self._bus = bus
        self._socket: socket.socket = bus.socket
        self._channel = channel
        self._index = index(channel)
        self._dropped = 0
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)

    def batches(self) -> Iterator[list[Frame]]:
        """The frames that gathered, or none after a second; raises OSError when the bus fails."""
        recv = self._bus.recv
        while True:
            begun = time.monotonic()
            frames: list[Frame] = []
            failure = None
            count = 0
            try:
                while count < MOST_AT_ONCE and (message := recv(0)):
                    count += 1
                    if is_ours(message):
                        frame = message.arbitration_id, bytes(message.data), message.timestamp
                        frames.append(frame)
            except ERRORS as error:
                failure = OSError(reason(error))
            yield frames
            if failure:
                raise failure
            if count:
                # From the last time on: a busy computer reads as often as an idle one.
                time.sleep(max(begun + GATHER_S - time.monotonic(), 0))
            else:
                # python-can waits by the clock of the day, for ever if that is set back meanwhile.
                select.select([self._socket], [], [], TICK_S)

    def check(self) -> None:
        """Raise OSError if the interface is gone, another one by now, or down."""
        if index(self._channel) != self._index:
            raise OSError(errno.ENODEV, "Replaced by another interface of that name")
        flags = int(Path(f"/sys/class/net/{self._channel}/flags").read_text(), 16)
        if not flags & _IFF_UP:
            raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))

    def overflows(self) -> int:
        """How many frames the kernel dropped since the last call."""
        meminfo = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        before, self._dropped = self._dropped, _MEMINFO.unpack(meminfo)[-1]
        return self._dropped - before


def check_kernel() -> None:
    """Raise OSError if the kernel has no SocketCAN, which it loads when a socket is made."""
    from can.interfaces.socketcan.socketcan import (  # noqa: PLC0415 (others do without)
        create_socket,
    )

    try:
        create_socket().close()
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
        words = "this kernel has no SocketCAN; `sudo modprobe can_raw` says why"
        raise OSError(error.errno, words) from None


def index(channel: str) -> int:
    """The kernel's number of an interface; raises OSError if there is none of that name."""
    try:
        return socket.if_nametoindex(channel)
    except OSError:  # older Pythons give it neither number nor words
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from None
