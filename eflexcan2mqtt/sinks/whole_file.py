"""Files that are whole at any moment, even if the power fails."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def replace(path: Path, content: bytes) -> None:
    """Write a file anew, and its folder if that is missing; once this returns, the disk has it.

    Raises OSError; then the file is as it was.
    """
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        _fsync(path.parent)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise


def set_aside(path: Path) -> Path:
    """Rename a damaged file, as far as that is possible; its new name."""
    aside = path.with_suffix(".damaged")
    with suppress(OSError):
        path.replace(aside)
    return aside


def _fsync(folder: Path) -> None:
    """So that the new name of a file in it is on the disk, too; some network disks refuse that."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(opened)
    finally:
        os.close(opened)
