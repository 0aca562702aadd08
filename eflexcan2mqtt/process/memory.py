"""The memory of this process, and the most that it may have."""

from __future__ import annotations

import os
from pathlib import Path

MIB = 1024 * 1024

LIMIT = 128 * MIB
"""As MemoryMax of the unit, which does nothing if the kernel's memory controller is off, as on
Raspberry Pi OS.  The program takes about 40 MiB with all that it has."""

_SIZES = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGESIZE")


def resident() -> int:
    """In bytes."""
    return int(_SIZES.read_text().split()[1]) * _PAGE
