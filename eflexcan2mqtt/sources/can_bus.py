"""A python-can bus that heals itself: the batteries' frames, for ever.

Whatever happens to the interface, it is closed, and opened again when it works.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import suppress

import can

from ..config import Can
from ..protocol.blocks import BLOCKS, FRAME_BYTES, OUR_IDS, SILENT_TICKS, TICK_S, Frame
from . import socketcan

log = logging.getLogger(__name__)

QUICK_RETRY_S = 1.0
QUICK_FOR_S = 10.0
SLOWEST_RETRY_S = 30.0

# What python-can's interfaces raise.  The last four come from those that parse what a
# serial adapter sends without checking it, and from settings they cannot use or lack.
BUS_ERRORS = (can.CanError, OSError, ValueError, LookupError, ImportError, TypeError)

# SocketCAN's flag of a remote frame: a mask with it lets data frames through only.
_RTR_FLAG = 0x4000_0000
_FILTERS = [
    {"can_id": block.base_id, "can_mask": 0x7F0 | _RTR_FLAG, "extended": False} for block in BLOCKS
]


def open_bus(config: Can) -> can.BusABC:
    """Open the bus of the INI, filtered to our ids; raises one of BUS_ERRORS."""
    return can.Bus(
        interface=config.interface,
        channel=config.channel,
        bitrate=config.bitrate,
        can_filters=_FILTERS,
    )


def frames(config: Can, overflows: socketcan.Overflows | None = None) -> Iterator[Frame | None]:
    """The frames of our ids, and None for each second without one.

    Says once that the bus is gone and once that it is back, and tries for ever: every
    second at first, later every 30 s.  ``overflows`` counts what came faster than it was read.
    """
    overflows = overflows or socketcan.Overflows()
    down_since: float | None = None
    retry = QUICK_RETRY_S
    while True:
        try:
            bus = open_bus(config)
            try:
                received = _received(bus, config, overflows)
                # An interface that is down opens, and fails only now.
                first = next(received)
                if down_since is None:
                    log.info("%s: open", config.channel)
                else:
                    log.info("%s: back after %.0f s", config.channel, _since(down_since))
                down_since, retry = None, QUICK_RETRY_S
                yield first
                yield from received
            finally:
                with suppress(*BUS_ERRORS):
                    bus.shutdown()
        except BUS_ERRORS as error:
            if down_since is None:
                down_since = time.monotonic()
                log.warning("%s: %s; trying again until it works", config.channel, reason(error))
            else:
                log.debug("%s: %s", config.channel, reason(error))
        again = time.monotonic() + retry
        while (left := again - time.monotonic()) > 0:
            time.sleep(min(left, TICK_S))
            yield None
        if _since(down_since or again) > QUICK_FOR_S:
            retry = min(2 * retry, SLOWEST_RETRY_S)


def reason(error: BaseException) -> str:
    """What went wrong, in the system's words if it was the system."""
    system = error if isinstance(error, OSError) else error.__cause__
    if isinstance(system, OSError) and system.strerror:
        return system.strerror
    return str(error) or type(error).__name__


def is_ours(message: can.Message) -> bool:
    """A classical data frame of 8 bytes under an id that batteries use."""
    return (
        message.arbitration_id in OUR_IDS
        and message.dlc == FRAME_BYTES
        and not message.is_extended_id
        and not message.is_remote_frame
        and not message.is_error_frame
        and not message.is_fd
    )


def _received(
    bus: can.BusABC, config: Can, overflows: socketcan.Overflows
) -> Iterator[Frame | None]:
    """The frames of an open bus, and None for each second without one; tells of silence."""
    if config.interface == "socketcan":
        frames = socketcan.received(bus.socket, config.channel, overflows)  # type: ignore[attr-defined]
    else:
        frames = _received_by_python_can(bus)
    silent = 0
    for frame in frames:
        if frame is None:
            silent += 1
            if silent == SILENT_TICKS:
                log.warning("%s: no battery says anything", config.channel)
        elif silent:
            if silent >= SILENT_TICKS:
                log.info("%s: the batteries are back after %d s", config.channel, silent)
            silent = 0
        yield frame


def _received_by_python_can(bus: can.BusABC) -> Iterator[Frame | None]:
    heard = time.monotonic()
    while True:
        message = bus.recv(TICK_S)
        if message is not None and is_ours(message):
            heard = time.monotonic()
            # Some adapters count their time from zero: it is that of the arrival.
            yield message.arbitration_id, bytes(message.data), time.time()
        elif _since(heard) >= TICK_S:  # also where foreign frames keep coming
            heard = time.monotonic()
            yield None


def _since(moment: float) -> float:
    return time.monotonic() - moment
