"""The files of SQLite as files: which are damaged, and how they are set aside."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

_MAGIC = b"SQLite format 3\0"
_SIDE_FILES = ("-wal", "-shm", "-journal")  # SQLite's own beside the database


def may_be_database(path: Path) -> bool:
    """Whether SQLite may open it: it is not there, or empty, or begins as its files do.

    SQLite would take what is shorter than a page for empty, and write over it.
    """
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) in (b"", _MAGIC)
    except FileNotFoundError:
        return True


def move_away(path: Path) -> Path:
    """Rename a database with its side files; return its new name."""
    number = 1
    while (aside := path.with_suffix(f".damaged-{number}")).exists():
        number += 1
    for suffix in ("", *_SIDE_FILES):
        file = Path(f"{path}{suffix}")
        if file.exists():
            file.rename(f"{aside}{suffix}")
    return aside


def give_to_owner_of_folder(path: Path) -> None:
    """What root makes in the folder of the service, the service must be able to write."""
    owner = path.parent.stat()
    for suffix in ("", *_SIDE_FILES):
        # The service owns the folder: a link there must not make root give away something else.
        with suppress(FileNotFoundError, PermissionError):
            os.chown(f"{path}{suffix}", owner.st_uid, owner.st_gid, follow_symlinks=False)


def remove_side_files(path: Path) -> None:
    """SQLite leaves the log of a deleted database, and would apply it to the new one."""
    for suffix in _SIDE_FILES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def inode(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one that has got its name; None if it is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def used_bytes(database: sqlite3.Connection) -> int:
    """How much of its file a database needs; the rest is free for what comes."""
    pages, free, size = (
        int(database.execute(f"PRAGMA {each}").fetchone()[0])
        for each in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def is_damage(error: Exception) -> bool:
    """Whether what is in the file makes no sense, and trying again will not help."""
    # Not of a subclass, which are for other things.
    return type(error) is sqlite3.DatabaseError or isinstance(error, NONSENSE)


NONSENSE = TypeError, ValueError, OverflowError
"""What SQLite's module raises for names, and we for values, that were never written so."""
