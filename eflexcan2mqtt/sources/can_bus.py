"""A python-can bus that heals itself: the batteries' frames, for ever.

Whatever happens to the interface, it is closed, and opened again when it works.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress

import can

from ..config import Can
from ..protocol.blocks import BLOCKS, FRAME_BYTES, OUR_IDS, SILENCE_S, Frame

log = logging.getLogger(__name__)

QUICK_RETRY_S = 1.0
QUICK_FOR_S = 10.0
SLOWEST_RETRY_S = 30.0
_RECV_S = 1.0

# What python-can's interfaces raise.  The last three come from those that parse what a
# serial adapter sends without checking it, and from a setting they cannot use.
BUS_ERRORS = (can.CanError, OSError, ValueError, LookupError, ImportError)

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


def frames(config: Can) -> Iterator[Frame | None]:
    """The frames of our ids, and None for each 3 s without one.

    Says once that the bus is gone and once that it is back, and tries for ever: every
    second at first, later every 30 s.
    """
    down_since: float | None = None
    retry = QUICK_RETRY_S
    while True:
        try:
            bus = open_bus(config)
            try:
                if down_since is None:
                    log.info("%s: open", config.channel)
                else:
                    log.info("%s: back after %.0f s", config.channel, _since(down_since))
                down_since, retry = None, QUICK_RETRY_S
                yield from _received(bus, config.interface)
            finally:
                with suppress(*BUS_ERRORS):
                    bus.shutdown()
        except BUS_ERRORS as error:
            if down_since is None:
                down_since = time.monotonic()
                log.warning("%s: %s; trying again until it works", config.channel, reason(error))
        yield None
        time.sleep(retry)
        if _since(down_since or time.monotonic()) > QUICK_FOR_S:
            retry = min(2 * retry, SLOWEST_RETRY_S)


def reason(error: BaseException) -> str:
    """What went wrong, in the system's words if it has any."""
    number = getattr(error, "error_code", None) or getattr(error, "errno", None)
    return os.strerror(number) if number else str(error) or type(error).__name__


def _received(bus: can.BusABC, interface: str) -> Iterator[Frame | None]:
    # Only SocketCAN stamps frames with the system's clock; some adapters count from zero.
    stamped = interface == "socketcan"
    heard = time.monotonic()
    while True:
        message = bus.recv(_RECV_S)
        if message is None or not is_ours(message):
            if _since(heard) > SILENCE_S:
                heard = time.monotonic()
                yield None
            continue
        heard = time.monotonic()
        data = bytes(message.data)
        yield message.arbitration_id, data, message.timestamp if stamped else time.time()


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


def _since(moment: float) -> float:
    return time.monotonic() - moment
