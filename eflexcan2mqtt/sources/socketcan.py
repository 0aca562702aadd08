"""SocketCAN, the kernel's CAN interfaces, at the kernel's price.

A frame is one recvmsg and one struct, and keeps the time at which the kernel received it.
To be woken for a frame costs more than to read it: so they gather in the kernel for a moment.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
import time
from collections.abc import Generator
from pathlib import Path

from ..protocol.blocks import BLOCKS, FRAME_BYTES, OUR_IDS, TICK_S, Event, Silence

log = logging.getLogger(__name__)

NAME = "socketcan"

RECEIVE_BUFFER = 1 << 20
"""Bytes to ask for; the kernel's default holds 1.1 s of a bank of 14."""

GATHER_S = 0.05
"""How long frames gather: two or three batteries, or 100 frames of the busiest wire."""

# linux/can.h: id with flags, length, data.  An extended, remote or error frame has a flag in
# its id, and so none of our ids.
_FRAME = struct.Struct("=IB3x8s")
# Python's own CAN_EFF_FLAG is negative on a 32-bit system.
_EXTENDED, _REMOTE = 0x8000_0000, 0x4000_0000
_MASK = 0x7F0 | _EXTENDED | _REMOTE
FILTERS = b"".join(struct.pack("=II", block.base_id, _MASK) for block in BLOCKS)
"""Pairs of id and mask, for the kernel: our ids and the two beside them."""
_TIMESPEC = struct.Struct("@ll")
# The options of old, with two longs: python's wants 64-bit times on newer 32-bit systems.
_SO_RCVTIMEO = 20
_SO_TIMESTAMPNS = 35
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")
_DROPS_EVERY = 4096  # frames
_IFF_UP = 1


class Overflows:
    """How many frames the kernel had to drop, over all sockets."""

    count = 0


def frames(channel: str, overflows: Overflows) -> Generator[Event, None, None]:
    """The frames of our ids, and silence for each second without one; closes the socket at its end.

    Raises OSError when the interface is missing, gone, down or another one.  Frames that the
    kernel had to drop are logged.
    """
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as bus:
        # Before it is bound: no foreign frame slips in.
        bus.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, FILTERS)
        bus.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        bus.bind((channel,))
        yield from received(bus, channel, overflows)


def received(
    bus: socket.socket, channel: str, overflows: Overflows
) -> Generator[Event, None, None]:
    """What ``frames`` gives, from a socket of datagrams laid out as the kernel's CAN frames."""
    bus.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    # python's own time-out polls before each read and doubles its cost.
    bus.setsockopt(socket.SOL_SOCKET, _SO_RCVTIMEO, _TIMESPEC.pack(int(TICK_S), 0))
    index = socket.if_nametoindex(channel)
    recvmsg, unpack, unpack_time = bus.recvmsg, _FRAME.unpack, _TIMESPEC.unpack
    size, room = _FRAME.size, socket.CMSG_SPACE(_TIMESPEC.size)
    looked = time.monotonic()
    heard = False  # one of ours, since then
    count = dropped = flags = 0
    while True:
        try:
            raw, ancillary, _, _ = recvmsg(size, room, flags)
            flags = socket.MSG_DONTWAIT
        except BlockingIOError:
            if flags:
                time.sleep(GATHER_S)
                flags = 0
                continue
            # A socket whose interface was pulled and plugged in again is silent for ever.
            _check_interface(channel, index)
            dropped = _told_drops(bus, channel, dropped, overflows)
            yield Silence.SECOND
            looked, heard = time.monotonic(), False
            continue
        count += 1
        if not count % _DROPS_EVERY:
            dropped = _told_drops(bus, channel, dropped, overflows)
        can_id, length, data = unpack(raw)
        if can_id in OUR_IDS and length == FRAME_BYTES:
            heard = True
            seconds, nanoseconds = unpack_time(ancillary[0][2])
            yield can_id, data, seconds + nanoseconds * 1e-9
        elif time.monotonic() - looked >= TICK_S:
            # Foreign frames keep coming: a tick is for a whole look without one of ours.
            if not heard:
                yield Silence.SECOND
            looked, heard = time.monotonic(), False


def _check_interface(channel: str, index: int) -> None:
    if socket.if_nametoindex(channel) != index:
        raise OSError(errno.ENODEV, "is another interface now")
    flags = int(Path(f"/sys/class/net/{channel}/flags").read_text(), 16)
    if not flags & _IFF_UP:
        raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))


def _told_drops(bus: socket.socket, channel: str, before: int, overflows: Overflows) -> int:
    meminfo = bus.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    *_, dropped = _MEMINFO.unpack(meminfo)
    if dropped > before:
        overflows.count += dropped - before
        log.warning("%s: %d frames came faster than they were read", channel, dropped - before)
    return int(dropped)
