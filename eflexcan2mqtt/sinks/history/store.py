"""Minutes and events on disk, in SQLite. Belongs to one thread; past.py reads beside it.

What is written stays through a killed process and a lost power.  The log of SQLite (WAL) lets
readers read while this writes, and neither waits for the other.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ...protocol.events import HistoryEvent
from ...protocol.minutes import BANK_NUMBER, MINUTE_S, Minute
from ..database import (
    NONSENSE,
    inode,
    is_damage,
    may_be_database,
    move_away,
    remove_side_files,
    used_bytes,
)
from .columns import FORMAT, HOUR, IMPORTED, INSERT_EVENT, LIVE, TABLES

FILE_NAME = "history.db"

KEEP_MINUTES = 14 * 24 * HOUR
"""What is older is only there in quarters of an hour."""

_BATTERIES = 16
_ENDS = "SELECT IFNULL(MIN(time), 0), IFNULL(MAX(time), 0) FROM minutes"
_LOG_PAGES = 1000


class HistoryError(Exception):
    """The file cannot be used now; says which one and why."""


class HistoryBusyError(HistoryError):
    """Another program writes to the file."""


class HistoryBrokenError(HistoryError):
    """The file is damaged or gone."""


class History:
    """The file of a folder, open for writing: by one program at a time.

    Every method raises HistoryError for what the disk does.  ``set_aside`` is what a damaged
    file was renamed to.  With ``live``, what is written wins over what is there and has as many
    seconds.
    """

    def __init__(self, folder: Path, *, live: bool = True) -> None:
        self.path = folder / FILE_NAME
        self._inserts = LIVE if live else IMPORTED
        self.set_aside: Path | None = None
        self._hours: set[int] = set()  # with minutes that are in no quarter yet
        self._inode: tuple[int, int] | None = None
        with self._errors():
            folder.mkdir(parents=True, exist_ok=True)
            # Not SQLite's locks: readers have those.
            self._lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not may_be_database(self.path):
                    self.set_aside = move_away(self.path)
                try:
                    self._open()
                except (sqlite3.DatabaseError, *NONSENSE) as error:
                    if not is_damage(error):
                        raise
                    self.set_aside = move_away(self.path)
                    self._open()
            except BlockingIOError:
                os.close(self._lock)
                raise HistoryBusyError(f"{self.path}: another program writes to it") from None
            except BaseException:
                os.close(self._lock)
                raise

    def write(self, minutes: Sequence[Minute], events: Iterable[HistoryEvent]) -> None:
        """Store these; of a minute that is there already, the one with more seconds stays."""
        with self._errors():
            if inode(self.path) != self._inode:
                raise HistoryBrokenError(f"{self.path}: was removed while in use")
            hours = self._hours | {each.time // HOUR for each in minutes}
            with self._database as database:
                database.executemany(self._inserts.minute, minutes)
                database.executemany(INSERT_EVENT, events)
                over = self._gather(hours, minutes[-1].time) if minutes else set()
            self._hours = hours - over  # only now they are on the disk

    def thin(self, hours: int | None = None) -> int:
        """Delete the minutes older than KEEP_MINUTES, up to so many hours of them; how many.

        They stay in quarters of an hour.
        """
        with self._errors(), self._database as database:
            oldest, newest = map(int, database.execute(_ENDS).fetchone())
            # A clock that was ahead once must not make the present old.
            newest = min(newest, int(time.time()) // MINUTE_S)
            first, until = oldest // HOUR, (newest - KEEP_MINUTES) // HOUR
            if hours is not None:
                until = min(until, first + hours)
            if first >= until:
                return 0
            # Also those of a killed process, wherever in the past they belong.
            database.execute(self._inserts.quarters, (first * HOUR, until * HOUR))
            database.execute("DELETE FROM minutes WHERE time < ?", (until * HOUR,))
            return until - first

    def trim(self, hours: int, max_bytes: float) -> int:
        """While the file has more bytes than this, delete its oldest hours, so many at most.

        Returns how many; the newest hour stays.
        """
        with self._errors(), self._database as database:
            _, newest = database.execute(_ENDS).fetchone()
            for deleted in range(hours):
                oldest = "SELECT MIN(time) FROM quarters WHERE battery = ?"
                (first,) = database.execute(oldest, (BANK_NUMBER,)).fetchone()
                if first is None or first // HOUR >= newest // HOUR:
                    return deleted
                if used_bytes(database) <= max_bytes:
                    return deleted
                until = (first // HOUR + 1) * HOUR
                for battery in range(_BATTERIES):
                    database.execute(
                        "DELETE FROM quarters WHERE battery = ? AND time < ?", (battery, until)
                    )
                database.execute("DELETE FROM minutes WHERE time < ?", (until,))
                database.execute("DELETE FROM events WHERE time < ?", (until * MINUTE_S,))
            return hours

    def finish(self) -> None:
        """Make the quarters of all that was written, wherever it belongs, and thin it."""
        with self._errors(), self._database as database:
            _, newest = database.execute(_ENDS).fetchone()
            self._gather(self._hours, newest)
        self.thin()

    def set_damaged_aside(self) -> Path | None:
        """Rename the file, if it is still there, after HistoryBrokenError; then this is closed."""
        with self._errors():
            self.close()
            return move_away(self.path) if self.path.exists() else None

    def close(self) -> None:
        """Leave the file to others."""
        with suppress(sqlite3.Error):
            self._database.close()
        os.close(self._lock)

    def _open(self) -> None:
        if not self.path.exists():
            remove_side_files(self.path)
        self._database = database = sqlite3.connect(self.path, timeout=1.0)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            # A write each five minutes can wait for the disk.
            database.execute("PRAGMA synchronous = FULL")
            database.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            database.execute("PRAGMA cache_size = -500")
            (found,) = database.execute("PRAGMA user_version").fetchone()
            if found > FORMAT:
                raise HistoryError(f"{self.path}: was written by a newer version")  # noqa: TRY301
            with database:
                database.execute(f"PRAGMA user_version = {FORMAT}")
                for table in TABLES:
                    database.execute(table)
                self._hours = self._not_gathered()
            self._inode = inode(self.path)
        except BaseException:
            database.close()
            raise

    def _not_gathered(self) -> set[int]:
        """The hours since the last quarter: what a killed process has left."""
        newest = "SELECT IFNULL(MAX(time), 0) FROM quarters WHERE battery = ?"
        hours = f"SELECT DISTINCT time / {HOUR} FROM minutes WHERE time >= ({newest})"  # noqa: S608
        return {hour for (hour,) in self._database.execute(hours, (BANK_NUMBER,))}

    def _gather(self, hours: set[int], last: int) -> set[int]:
        """Make the quarters of hours in which minutes have come, and return these hours.

        Those of the ``last`` minute and of the newest one are not over.
        """
        _, newest = self._database.execute(_ENDS).fetchone()
        over = hours - {last // HOUR, newest // HOUR}
        for hour in sorted(over):
            self._database.execute(self._inserts.quarters, (hour * HOUR, (hour + 1) * HOUR))
        return over

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HistoryError(f"{self.path}: {error.strerror or error}") from None
        except (sqlite3.Error, *NONSENSE) as error:
            kind = HistoryBrokenError if is_damage(error) else HistoryError
            raise kind(f"{self.path}: {error}") from None
