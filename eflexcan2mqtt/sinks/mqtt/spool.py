"""Arrays on disk, in SQLite, by their numbers. No MQTT, no order of sending."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .outbox import SpoolError

FILE_NAME = "spool.sqlite3"
FORMAT = 1

_MAGIC = b"SQLite format 3\0"
_DAY_S = 86_400.0
_LOG_BYTES = 4_000_000
_SIDE_FILES = ("", "-wal", "-shm")  # SQLite's own beside the database


class Spool:
    """A bounded file of arrays.

    Takes ``max_mb`` megabytes at most, and 4 for SQLite's log, and holds nothing older than
    ``max_age_days``, not counting the time between two runs: a Pi wakes up with a wrong
    clock.  The oldest give way first.  What was put stays through a killed process and,
    written through to the disk each time, a lost power.  Every method raises SpoolError for
    whatever the disk does.  A file that is no spool is set aside, never deleted.

    ``count`` and ``last`` are how many arrays it held when it was opened, and the highest
    number among them, or 0; ``purged`` is how many had to give way then.  ``damaged`` is
    whether the file was set aside meanwhile: then there is no spool any more.
    """

    def __init__(self, directory: Path, max_mb: float, max_age_days: float) -> None:
        self.path = directory / FILE_NAME
        self.set_aside: Path | None = None
        self.damaged = False
        self._max_bytes = int(max_mb * 1_000_000)
        self._max_age_s = max_age_days * _DAY_S
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SpoolError(f"{directory}: {error.strerror}") from None
        with self._errors():
            # What is shorter than a page SQLite would take for empty, and write over it.
            if self.path.exists() and self._head() not in (b"", _MAGIC):
                self._move_away()
            try:
                self._open()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                self._database.close()
                self._move_away()
                self._open()

    def put(self, arrays: Iterable[tuple[int, bytes]], keep: int) -> int:
        """Store arrays by their numbers; return how many others had to give way.

        None up to the number ``keep`` does.
        """
        now = self._now()
        with self._errors(), self._database:
            for number, payload in arrays:
                self._database.execute(
                    "INSERT INTO arrays VALUES (?, ?, ?)", (number, now, payload)
                )
            return self._purge(now - self._max_age_s, keep)

    def after(self, number: int, limit: int) -> list[tuple[int, bytes]]:
        """The next arrays behind a number, in order."""
        with self._errors():
            query = "SELECT number, payload FROM arrays WHERE number > ? ORDER BY number LIMIT ?"
            return self._database.execute(query, (number, limit)).fetchall()

    def remove(self, numbers: Iterable[int]) -> int:
        """Forget arrays that have arrived; return how many were there."""
        with self._errors(), self._database:
            return sum(self._delete("number = ?", number) for number in numbers)

    def close(self) -> None:
        """Leave the file to the next run."""
        with self._errors():
            self._database.close()

    def _open(self) -> None:
        self._database = database = sqlite3.connect(
            self.path, isolation_level="IMMEDIATE", check_same_thread=False, timeout=1.0
        )
        # One process has it; the other is told so.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        (self._page_bytes,) = database.execute("PRAGMA page_size").fetchone()
        (found,) = database.execute("PRAGMA user_version").fetchone()
        if found > FORMAT:
            database.close()
            raise SpoolError(f"{self.path}: was written by a newer version")
        with database:
            database.execute(f"PRAGMA user_version = {FORMAT}")
            database.execute(
                "CREATE TABLE IF NOT EXISTS arrays"
                " (number INTEGER PRIMARY KEY, stored REAL NOT NULL, payload BLOB NOT NULL)"
            )
            query = "SELECT COUNT(*), MAX(number), MAX(stored) FROM arrays"
            count, last, newest = database.execute(query).fetchone()
            # From the newest array on, time goes by the monotonic clock.
            self._epoch = (newest or time.time()) - time.monotonic()
            self.last: int = last or 0
            self.purged = self._purge(self._now() - self._max_age_s, 0)
            self.count: int = count - self.purged

    def _head(self) -> bytes:
        with self.path.open("rb") as file:
            return file.read(len(_MAGIC))

    def _now(self) -> float:
        return self._epoch + time.monotonic()

    def _purge(self, oldest: float, keep: int) -> int:
        first = "number = (SELECT MIN(number) FROM arrays WHERE number > ?)"
        purged = 0
        # In the order of their numbers they are in the order of their age.
        while self._delete(f"{first} AND stored < ?", keep, oldest):
            purged += 1
        while self._used() > self._max_bytes and self._delete(first, keep):
            purged += 1
        return purged

    def _used(self) -> int:
        (pages,) = self._database.execute("PRAGMA page_count").fetchone()
        (free,) = self._database.execute("PRAGMA freelist_count").fetchone()
        return (int(pages) - int(free)) * int(self._page_bytes)

    def _delete(self, which: str, *values: float) -> int:
        query = f"DELETE FROM arrays WHERE {which}"  # noqa: S608 (ours)
        return self._database.execute(query, values).rowcount

    def _move_away(self) -> None:
        number = 1
        while (aside := self.path.with_suffix(f".damaged-{number}")).exists():
            number += 1
        for suffix in _SIDE_FILES:
            path = Path(f"{self.path}{suffix}")
            if path.exists():
                path.rename(f"{aside}{suffix}")
        self.set_aside = aside

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            # Not of a subclass: what is in the file makes no sense.
            if type(error) is sqlite3.DatabaseError:
                self.damaged = True
                with suppress(OSError, sqlite3.Error):
                    self._database.close()
                    self._move_away()
            raise SpoolError(f"{self.path}: {error}") from None
