"""What the outbox asks of a spool, and how a spool fails. No SQLite."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol


class SpoolError(Exception):
    """The spool cannot be used now; says which file and why."""


class SpoolBrokenError(SpoolError):
    """The spool's file is damaged or gone: it must be rebuilt."""


class Store(Protocol):
    """Arrays on disk by their numbers; every method raises SpoolError for what the disk does.

    ``last`` is the highest number that was ever in it, or 0; ``purged`` is how many arrays were
    dropped when it was opened.
    """

    path: Path
    last: int
    purged: int

    def update(self, put: Iterable[tuple[int, bytes]], remove: Iterable[int], keep: int) -> int:
        """Store arrays and remove others, at once; return how many old ones were dropped.

        None up to the number ``keep`` is dropped.
        """

    def after(self, number: int, limit: int) -> list[tuple[int, bytes]]:
        """The next arrays behind a number, in order."""

    def count(self, number: int = 0) -> int:
        """How many arrays there are behind a number."""

    def check(self) -> None:
        """Raise SpoolBrokenError if the file has been removed."""

    def rebuild(self, number: int) -> Path | None:
        """Make the file anew with all that can be read of it behind a number.

        Returns the name that the old file has now, if it is still there.
        """

    def close(self) -> None:
        """Leave the file to the next run."""
