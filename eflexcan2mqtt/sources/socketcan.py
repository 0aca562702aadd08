"""A SocketCAN bus that python-can has opened and filtered, read at the kernel's price.

python-can's own recv costs 8 to 32 times a bare read; here a frame is one recvmsg and one
struct, and keeps the time at which the kernel received it.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from ..protocol.blocks import FRAME_BYTES, OUR_IDS, TICK_S, Frame

log = logging.getLogger(__name__)

RECEIVE_BUFFER = 1 << 20
"""Bytes to ask for; the kernel's default holds 1.1 s of a bank of 14."""

# linux/can.h: id with flags, length, data.  An extended, remote or error frame has a flag in
# its id, and so none of our ids.
_FRAME = struct.Struct("=IB3x8s")
_TIMESPEC = struct.Struct("@ll")
# The option of old, with two longs: python's wants 64-bit times on newer 32-bit systems.
_SO_RCVTIMEO = 20
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")
_DROPS_EVERY = 4096  # frames
_IFF_UP = 1


class Overflows:
    """How many frames the kernel had to drop, over all sockets."""

    count = 0


def received(
    bus_socket: socket.socket, channel: str, overflows: Overflows
) -> Iterator[Frame | None]:
    """The frames of our ids, and None for each second without one.

    Raises OSError when the interface is gone, down or another one.  Frames that the kernel
    had to drop are logged.
    """
    bus_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    # python's own time-out polls before each read and doubles its cost.
    bus_socket.settimeout(None)
    timeout = _TIMESPEC.pack(int(TICK_S), 0)
    bus_socket.setsockopt(socket.SOL_SOCKET, _SO_RCVTIMEO, timeout)
    index = socket.if_nametoindex(channel)
    recvmsg, unpack, unpack_time = bus_socket.recvmsg, _FRAME.unpack, _TIMESPEC.unpack
    size, room = _FRAME.size, socket.CMSG_SPACE(_TIMESPEC.size)
    heard = time.monotonic()
    frames = dropped = 0
    while True:
        try:
            raw, ancillary, _, _ = recvmsg(size, room)
        except BlockingIOError:
            # A socket whose interface was pulled and plugged in again is silent for ever.
            _check_interface(channel, index)
            dropped = _told_drops(bus_socket, channel, dropped, overflows)
            yield None
            continue
        frames += 1
        if not frames % _DROPS_EVERY:
            dropped = _told_drops(bus_socket, channel, dropped, overflows)
        can_id, length, data = unpack(raw)
        if can_id not in OUR_IDS or length != FRAME_BYTES:
            if time.monotonic() - heard >= TICK_S:
                heard = time.monotonic()
                yield None
            continue
        heard = time.monotonic()
        seconds, nanoseconds = unpack_time(ancillary[0][2])
        yield can_id, data, seconds + nanoseconds * 1e-9


def _check_interface(channel: str, index: int) -> None:
    if socket.if_nametoindex(channel) != index:
        raise OSError(errno.ENODEV, "is another interface now")
    flags = int(Path(f"/sys/class/net/{channel}/flags").read_text(), 16)
    if not flags & _IFF_UP:
        raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))


def _told_drops(bus_socket: socket.socket, channel: str, before: int, overflows: Overflows) -> int:
    meminfo = bus_socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    *_, dropped = _MEMINFO.unpack(meminfo)
    if dropped > before:
        overflows.count += dropped - before
        log.warning("%s: %d frames came faster than they were read", channel, dropped - before)
    return int(dropped)
