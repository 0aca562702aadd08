"""The settings of [can] in, python-can's open bus out; errors that may pass and that cannot."""

from __future__ import annotations

import sys
import termios
from contextlib import suppress

import can

from ..protocol.blocks import BLOCKS
from ..settings import can_options
from ..settings.load import ConfigError
from ..settings.schema import Can
from . import socketcan, socketcand
from .driver_packages import NOT_RELEASED, how_to_install, missing_package
from .messages import ERRORS, PARSING_ERRORS, reason

SLCAN = "slcan"

FILTERS = [{"can_id": block.base_id, "can_mask": 0x7F0, "extended": False} for block in BLOCKS]
"""Our ids and the two beside them, for the kernel: it filters only once a bus is open."""

_NO_DRIVER = (ImportError, NotImplementedError, NameError, AttributeError)
"""What it raises where a driver or a package is missing."""


class ImpossibleError(ConfigError):
    """[can] asks for what can never work here; says why and what to do."""


def open_bus(config: Can) -> can.BusABC:
    """Open the interface of the INI.

    Raises OSError for what may pass, in the words of the system or of python-can, and
    ImpossibleError for what cannot.  What else may set an interface of python-can up, its
    files and its environment variables, is ignored: the INI is the one place for that.
    """
    name = config.interface
    if package := missing_package(name):
        raise _impossible(name, f"needs the Python package {package}", how_to_install(package))
    lacking = can_options.missing(name, dict(config.options))
    if not config.channel:
        lacking.insert(0, "channel")
    if lacking:
        settings = " and ".join(f"'{key}'" for key in lacking)
        raise ImpossibleError(
            f"[can] interface = {name}: needs {settings} to be set in [can] as well"
        )
    given = {"channel": config.channel, "bitrate": config.bitrate, **dict(config.options)}
    try:
        arguments = can_options.arguments(name, given.items())
        if name == can_options.SOCKETCAN:
            # python-can leaves its socket open where it fails.
            socketcan.check_kernel()
            socketcan.index(config.channel)
            # The kernel makes frames of errors, and would wake us for each.
            arguments.setdefault("ignore_rx_error_frames", True)
            # For adapters python-can filters by itself, and then a foreign frame looks like none.
            arguments["can_filters"] = FILTERS
        elif name == socketcand.NAME:
            socketcand.check_server(arguments)
        bus = can.Bus(interface=name, ignore_config=True, **arguments)
    except (*ERRORS, *_NO_DRIVER) as error:
        raise _failure(name, error) from error
    if name == SLCAN:
        _expect_ascii(bus)
    return bus


def close(bus: can.BusABC) -> None:
    """Close a bus, also one that cannot even do that any more."""
    with suppress(*ERRORS):
        bus.shutdown()


def _expect_ascii(bus: can.BusABC) -> None:
    """Let the kernel clear the eighth bit of all that a serial adapter sends.

    slcan is ASCII, and python-can's never recovers from a character that is not.
    """
    try:
        port = bus.fileno()
        modes = termios.tcgetattr(port)
        modes[0] |= termios.ISTRIP
        termios.tcsetattr(port, termios.TCSANOW, modes)
    except (NotImplementedError, OSError, termios.error):
        pass  # no serial port


def _failure(interface: str, error: BaseException) -> Exception:
    cause = (error.__cause__ if isinstance(error, can.CanError) else None) or error
    no_library = type(cause) is OSError and cause.errno is None  # of the dynamic linker
    if no_library or isinstance(cause, _NO_DRIVER):
        return _impossible(interface, f"cannot be used here ({reason(error)})", _remedy(error))
    if isinstance(cause, PARSING_ERRORS) and not isinstance(cause, UnicodeError):
        return ImpossibleError(f"[can] interface = {interface}: {reason(error)}")
    return OSError(reason(error))


def _remedy(error: BaseException) -> str:
    if getattr(sys, "frozen", False) and "No module named 'can.interfaces." in str(error):
        return NOT_RELEASED
    return "install its driver, or choose another interface"


def _impossible(interface: str, problem: str, remedy: str) -> ImpossibleError:
    return ImpossibleError(f"[can] interface = {interface}: {problem}; {remedy}")
