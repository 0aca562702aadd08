"""python-can's messages and errors: which are ours, and what they mean."""

from __future__ import annotations

import struct

import can

from ..protocol.blocks import FRAME_BYTES, OUR_IDS

PARSING_ERRORS = (ValueError, LookupError, TypeError, OverflowError, struct.error)
"""What python-can raises where it parses what it received without a look at it."""

ERRORS = (can.CanError, OSError, *PARSING_ERRORS)
"""What a bus that worked may raise."""


def is_ours(message: can.Message) -> bool:
    """A classical data frame of 8 bytes under an id that batteries use."""
    return (
        not message.is_extended_id
        and message.arbitration_id in OUR_IDS
        and message.dlc == len(message.data) == FRAME_BYTES  # damage makes them differ
        and not message.is_remote_frame
        and not message.is_error_frame
        and not message.is_fd
    )


def is_damage(error: BaseException) -> bool:
    """Whether a message could not be parsed; the bus itself may be well."""
    cause = error.__cause__ if isinstance(error, can.CanError) else error
    return cause is not None and not isinstance(cause, can.CanError | OSError)


def reason(error: BaseException) -> str:
    """What went wrong, in the system's words if it was the system."""
    system = error if isinstance(error, OSError) else error.__cause__
    match system:
        case BaseException(args=(_, str(words), *_)):  # an OSError or a termios.error
            return words
    return str(error) or type(error).__name__
