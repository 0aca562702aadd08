"""The booted machine of tests/system, for what needs a kernel with CAN."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import machine as system
from tests.support.machine import Machine

CAN = "can0"
"""Its virtual interface, named as the shipped INI has it."""
GUEST = Path(__file__).parent / "guest"
"""What runs inside."""


@contextmanager
def booted() -> Iterator[Machine]:
    """The machine, with the interface up."""
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(system.image(), Path(folder))
        try:
            # The can0 that it has is an emulated controller, which takes twenty frames a second.
            machine.run(
                f"modprobe vcan && ip link set {CAN} name wire && ip link add {CAN} type vcan && "
                f"ip link set {CAN} txqueuelen 1000 up"
            )
            yield machine
        finally:
            machine.close()
