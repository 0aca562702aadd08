"""A disk without room, for the fixture ``small_disk``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
