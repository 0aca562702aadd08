"""Arrays on disk, in SQLite, by their numbers. No MQTT, no order of sending."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

FILE_NAME = "spool.sqlite3"
FORMAT = 1

_MAGIC = b"SQLite format 3\0"
_DAY_S = 86_400.0
_SIDE_FILES = ("", "-wal", "-shm")  # SQLite's own beside the database


class SpoolError(Exception):
    """The spool cannot be used; says which file and why."""


class Spool:
    """A bounded file of arrays.

    Holds ``max_mb`` megabytes at most and nothing older than ``max_age_days``; the oldest give
    way first.  What was put stays through a killed process and, written through to the disk
    each time, a lost power.  Every method raises SpoolError for whatever the disk does.  A file
    that is no spool is set aside, never deleted.

    ``count`` and ``last`` are how many arrays it held when it was opened, and the highest
    number among them, or 0.
    """

    def __init__(self, directory: Path, max_mb: float, max_age_days: float) -> None:
        self.path = directory / FILE_NAME
        self.set_aside: Path | None = None
        self._max_bytes = int(max_mb * 1_000_000)
        # The wall clock jumps while we run; between two runs there is no other.
        self._epoch = time.time() - time.monotonic()
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
                self._bytes += len(payload)
            return self._purge(now - self._max_age_s, keep)

    def after(self, number: int, limit: int) -> list[tuple[int, bytes]]:
        """The next arrays behind a number, in order."""
        with self._errors():
            query = "SELECT number, payload FROM arrays WHERE number > ? ORDER BY number LIMIT ?"
            return self._database.execute(query, (number, limit)).fetchall()

    def remove(self, number: int) -> None:
        """Forget an array that has arrived."""
        with self._errors(), self._database:
            self._delete("number = ?", number)

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
            query = "SELECT COUNT(*), MAX(number), SUM(LENGTH(payload)) FROM arrays"
            count, last, size = database.execute(query).fetchone()
            self._bytes = size or 0
            self.last: int = last or 0
            self.count: int = count - self._purge(self._now() - self._max_age_s, 0)

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
        while self._bytes > self._max_bytes and self._delete(first, keep):
            purged += 1
        return purged

    def _delete(self, which: str, *values: float) -> int:
        query = f"DELETE FROM arrays WHERE {which} RETURNING LENGTH(payload)"  # noqa: S608 (ours)
        sizes = self._database.execute(query, values).fetchall()
        self._bytes -= sum(size for (size,) in sizes)
        return len(sizes)

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
        except sqlite3.OperationalError as error:
            raise SpoolError(f"{self.path}: {error}") from None
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, sqlite3.DatabaseError):
                self._database.close()
                self._move_away()
            raise SpoolError(f"{self.path}: {error}") from None
