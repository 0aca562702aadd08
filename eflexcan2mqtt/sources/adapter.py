"""Any bus that python-can knows, but SocketCAN: serial adapters, the network, its virtual one.

python-can is imported here, and only where it is used: it takes 5 MB and 60 ms of a PC, more
of a Pi.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import suppress

import can

from ..protocol.blocks import BLOCKS, FRAME_BYTES, OUR_IDS, TICK_S, Event, Silence
from ..settings.schema import Can

# What python-can's interfaces raise.  The last four come from those that parse what a
# serial adapter sends without checking it, and from settings they cannot use or lack.
ERRORS = (can.CanError, OSError, ValueError, LookupError, ImportError, TypeError)

_FILTERS = [{"can_id": block.base_id, "can_mask": 0x7F0, "extended": False} for block in BLOCKS]


def frames(config: Can) -> Generator[Event, None, None]:
    """The frames of our ids, and silence for each second without one; closes the bus at its end.

    Raises OSError, in the words of the system or of python-can, when the bus fails.
    """
    try:
        bus = can.Bus(
            interface=config.interface,
            channel=config.channel,
            bitrate=config.bitrate,
            can_filters=_FILTERS,
        )
        try:
            yield from _received(bus)
        finally:
            with suppress(*ERRORS):
                bus.shutdown()
    except ERRORS as error:
        raise OSError(reason(error)) from error


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


def _received(bus: can.BusABC) -> Iterator[Event]:
    heard = time.monotonic()
    while True:
        message = bus.recv(TICK_S)
        if message is not None and is_ours(message):
            heard = time.monotonic()
            # Some adapters count their time from zero: it is that of the arrival.
            yield message.arbitration_id, bytes(message.data), time.time()
        elif time.monotonic() - heard >= TICK_S:  # also where foreign frames keep coming
            heard = time.monotonic()
            yield Silence.SECOND
