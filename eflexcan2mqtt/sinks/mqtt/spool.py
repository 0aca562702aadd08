"""Arrays on disk, in SQLite, by their numbers. No MQTT, no order of sending.

Belongs to one thread.
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..database import inode, is_damage, may_be_database, move_away, remove_side_files, used_bytes
from .store import SpoolBrokenError, SpoolError

FILE_NAME = "spool.sqlite3"
FORMAT = 1

_DAY_S = 86_400.0
_LOG_BYTES = 4_000_000
_UNREADABLE = 1_000_000  # numbers in a row, and a damaged file holds no more
_IN_ORDER = "SELECT number, payload FROM arrays WHERE number > ? ORDER BY number LIMIT ?"


class Spool:
    """A bounded file of arrays, which are JSON.

    Takes ``max_mb`` megabytes at most, and 4 for SQLite's log, and holds nothing older than
    ``max_age_days``, not counting the time between two runs: a Pi wakes up with a wrong
    clock.  The oldest are dropped first.  What was put stays through a killed process and,
    written through to the disk each time, a lost power.  Every method raises SpoolError for
    whatever the disk does; after SpoolBrokenError, ``rebuild`` makes it work again.  A file that is
    not a spool, or damaged, is renamed, never deleted.

    ``last`` is the highest number that was ever in it, or 0; ``purged`` is how many arrays were
    dropped when it was opened; ``set_aside`` is what a damaged file was renamed to.
    """

    def __init__(self, directory: Path, max_mb: float, max_age_days: float) -> None:
        self.path = directory / FILE_NAME
        self.set_aside: Path | None = None
        self.last = 0
        self._max_bytes = int(max_mb * 1_000_000)
        self._max_age_s = max_age_days * _DAY_S
        with self._errors():
            directory.mkdir(parents=True, exist_ok=True)
            if not may_be_database(self.path):
                self.set_aside = move_away(self.path)
            try:
                self._open()
            except sqlite3.OperationalError:
                with suppress(AttributeError):  # not even connected
                    self._database.close()
                raise
            except sqlite3.DatabaseError:
                self.set_aside = self.rebuild(0)

    def update(self, put: Iterable[tuple[int, bytes]], remove: Iterable[int], keep: int) -> int:
        """Store arrays by their numbers and remove others, at once.

        Returns how many had to be dropped for room or age: none up to the number ``keep``.
        """
        now = self._now()
        arrays = [(number, now, payload) for number, payload in put]
        with self._errors():
            self._check_file()
            with self._database:
                self._database.executemany("DELETE FROM arrays WHERE number = ?", zip(remove))
                self._database.executemany("INSERT OR REPLACE INTO arrays VALUES (?, ?, ?)", arrays)
                purged = self._purge(now - self._max_age_s, keep)
            self._check_file()
        self.last = max(self.last, *(number for number, _, _ in arrays), 0)
        return purged

    def after(self, number: int, limit: int) -> list[tuple[int, bytes]]:
        """The next arrays behind a number, in order."""
        with self._errors():
            found = self._database.execute(_IN_ORDER, (number, limit)).fetchall()
            if not all(_whole(payload) for _, payload in found):
                raise sqlite3.DatabaseError("an array in it is damaged")
        return found

    def count(self, number: int = 0) -> int:
        """How many arrays there are behind a number."""
        with self._errors():
            query = "SELECT COUNT(*) FROM arrays WHERE number > ?"
            return int(self._database.execute(query, (number,)).fetchone()[0])

    def check(self) -> None:
        """Raise SpoolBrokenError if the file has been removed."""
        with self._errors():
            self._check_file()

    def rebuild(self, number: int) -> Path | None:
        """Make the file anew with all that can be read of it behind a number.

        It also reads a file that was deleted while it was open here.  Returns what the old
        file was renamed to, if it is still there.
        """
        new = self.path.with_suffix(".new")
        with self._errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            with suppress(sqlite3.DatabaseError):
                self._database.rollback()
            target = sqlite3.connect(new, isolation_level=None)
            try:
                # Nobody needs it before it is complete.
                target.execute("PRAGMA journal_mode = MEMORY")
                target.execute("BEGIN")
                _make_table(target)
                target.executemany("INSERT INTO arrays VALUES (?, ?, ?)", self._readable(number))
                target.execute("COMMIT")
            finally:
                target.close()
            # Before the new one has its name: SQLite deletes a database's log by that.
            with suppress(sqlite3.Error):
                self._database.close()
            renamed_to = move_away(self.path) if self.path.exists() else None
            remove_side_files(self.path)
            new.rename(self.path)
            self._open()
        return renamed_to

    def close(self) -> None:
        """Leave the file to the next run."""
        with self._errors():
            self._database.close()

    def _open(self) -> None:
        self._database = database = sqlite3.connect(
            self.path, isolation_level="IMMEDIATE", timeout=1.0
        )
        self._inode = inode(self.path)
        # Two programs with one spool would send each other's arrays: the second gets an error.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        (found,) = database.execute("PRAGMA user_version").fetchone()
        if found > FORMAT:
            database.close()
            raise SpoolError(f"{self.path}: was written by a newer version")
        with database:
            _make_table(database)
            query = "SELECT COUNT(*), MAX(number), MAX(stored) FROM arrays"
            _, last, newest = database.execute(query).fetchone()
            # From the newest array on, time goes by the monotonic clock.
            self._epoch = (newest or time.time()) - time.monotonic()
            self.last = max(self.last, last or 0)
            self.purged = self._purge(self._now() - self._max_age_s, 0)

    def _readable(self, number: int) -> Iterator[tuple[int, float, bytes]]:
        """The rows behind a number that can be read, one by one."""
        query = "SELECT number, stored, payload FROM arrays WHERE number > ? ORDER BY number"
        try:
            (last,) = self._database.execute("SELECT MAX(number) FROM arrays").fetchone()
        except sqlite3.Error:
            last = self.last or math.inf
        unreadable = 0
        while number < (last or 0) and unreadable < _UNREADABLE:
            try:
                row = self._database.execute(f"{query} LIMIT 1", (number,)).fetchone()
            except sqlite3.Error:
                number, unreadable = number + 1, unreadable + 1
                continue
            unreadable = 0
            if row is None:
                return
            number = row[0]
            if _whole(row[2]):
                yield row

    def _check_file(self) -> None:
        if inode(self.path) != self._inode:
            raise SpoolBrokenError(f"{self.path}: was removed while in use")

    def _now(self) -> float:
        return self._epoch + time.monotonic()

    def _purge(self, oldest: float, keep: int) -> int:
        first = "number = (SELECT MIN(number) FROM arrays WHERE number > ?)"
        purged = 0
        # In the order of their numbers they are in the order of their age.
        while self._delete(f"{first} AND stored < ?", keep, oldest):
            purged += 1
        while used_bytes(self._database) > self._max_bytes and self._delete(first, keep):
            purged += 1
        return purged

    def _delete(self, which: str, *values: float) -> int:
        query = f"DELETE FROM arrays WHERE {which}"  # noqa: S608 (ours)
        return self._database.execute(query, values).rowcount

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SpoolError(f"{error.filename or self.path}: {error.strerror or error}") from None
        except sqlite3.Error as error:
            kind = SpoolBrokenError if is_damage(error) else SpoolError
            raise kind(f"{self.path}: {error}") from None


def _make_table(database: sqlite3.Connection) -> None:
    database.execute(f"PRAGMA user_version = {FORMAT}")
    database.execute(
        "CREATE TABLE IF NOT EXISTS arrays"
        " (number INTEGER PRIMARY KEY, stored REAL NOT NULL, payload BLOB NOT NULL)"
    )


def _whole(payload: bytes) -> bool:
    """Whether this is JSON: SQLite does not notice damage inside an array."""
    try:
        json.loads(payload)
    except (ValueError, TypeError, RecursionError):
        return False
    return True
