"""Questions in, minutes and events out, stored ones and pending ones. Any thread may ask."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from ...protocol.energy import JOULES_PER_KWH
from ...protocol.events import HistoryEvent, in_order
from ...protocol.minutes import BANK_NUMBER, MINUTE_S, unpacked
from ..database import NONSENSE
from .columns import COLUMNS, POINT, QUARTER, SELECT_QUARTERS, SELECT_STEP, TABLES
from .writer import Batch

MOST_POINTS = 2000
MOST_EVENTS = 500

ANSWER_S = 3.0
"""A question that takes longer is given up; a year takes a twentieth."""

_STEPS_BETWEEN_LOOKS = 10_000  # of SQLite's virtual machine

Point = dict[str, Any]


class PastError(Exception):
    """There is no answer now; says why."""


class Question(NamedTuple):
    """From ``start`` until before ``end``, in seconds since 1970, in about ``points`` steps."""

    battery: int
    start: int
    end: int
    points: int


class PastAnswer(NamedTuple):
    """``step`` is in seconds; of ``points`` a step without data has none.

    A point has the keys of POINT, with cells as (mV, battery, cell) and energy in kWh.  ``first``
    is the oldest time that is kept, None if there is nothing.
    """

    step: int
    points: list[Point]
    events: list[HistoryEvent]
    events_left_out: int
    first: int | None


class Past:
    """Reads ``path`` beside its writer; ``pending`` is what is not there yet, or None if the file
    is another program's.

    With ``invert``, a positive current counts as energy out.
    """

    def __init__(
        self, path: Path, pending: Callable[[], Batch | None], *, invert: bool = False
    ) -> None:
        self._path = path.absolute()
        self._pending = pending
        self._invert = invert

    def ask(self, question: Question) -> PastAnswer:
        """Answer within ANSWER_S; raises PastError."""
        deadline = time.monotonic() + ANSWER_S
        try:
            with closing(self._database()) as database:
                database.set_progress_handler(
                    lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS
                )
                return self._answer(database, question)
        except (sqlite3.Error, *NONSENSE) as error:
            raise PastError(f"history cannot be read now: {error}") from None

    def _database(self) -> sqlite3.Connection:
        """The file; as long as it is not made, tables of which what is pending is all."""
        if self._path.exists():
            uri = f"{self._path.as_uri()}?mode=ro"
            database = sqlite3.connect(uri, uri=True, timeout=1.0)
            made = "SELECT COUNT(*) FROM sqlite_master"
            try:
                if database.execute(made).fetchone() != (0,):
                    return database
            except BaseException:
                database.close()
                raise
            database.close()
        database = sqlite3.connect(":memory:")
        for table in TABLES:
            database.execute(table)
        return database

    def _answer(self, database: sqlite3.Connection, question: Question) -> PastAnswer:
        database.execute("PRAGMA temp_store = MEMORY")
        database.execute(f"CREATE TEMP TABLE pending ({', '.join(COLUMNS)})")
        # Before the file is read: what is written meanwhile is in both, not in neither.
        pending = self._pending()
        if pending is None:
            raise PastError("another program writes history into the same folder")
        marks = ", ".join("?" * len(COLUMNS))
        database.executemany(f"INSERT INTO pending VALUES ({marks})", pending.minutes)  # noqa: S608
        database.execute(
            "DELETE FROM pending WHERE EXISTS (SELECT 1 FROM minutes"
            " WHERE minutes.time = pending.time AND minutes.battery = pending.battery)"
        )
        database.commit()
        database.execute("BEGIN")
        quarters = "SELECT MIN(time), MAX(time) FROM quarters WHERE battery = ?"
        [first_quarter, last_quarter] = database.execute(quarters, (BANK_NUMBER,)).fetchone()
        [(first_minute,)] = database.execute("SELECT MIN(time) FROM minutes")
        [(first_pending,)] = database.execute("SELECT MIN(time) FROM pending")
        firsts = [each for each in (first_minute, first_quarter, first_pending) if each is not None]
        start, end = question.start // MINUTE_S, -(-question.end // MINUTE_S)
        step = max(-(-(end - start) // question.points), 1)
        first_kept = end if first_minute is None else first_minute
        thinned = first_quarter is not None and first_quarter < first_kept // QUARTER * QUARTER
        split = 0
        if last_quarter is not None and (step >= QUARTER or (thinned and start < first_kept)):
            step = max(-(-step // QUARTER), 1) * QUARTER
            split = last_quarter + QUARTER
        points = []
        for begin in range(start // step * step, end, step):
            values = {
                **{"battery": question.battery, "split": split},
                **{"from": max(begin, start), "to": min(begin + step, end)},
            }
            query = SELECT_QUARTERS if values["to"] <= split else SELECT_STEP
            [row] = database.execute(query, values)
            if row[0] is not None:
                points.append(self._point((begin * MINUTE_S, *row[1:])))
        events, left_out = self._events(database, question, pending.events)
        return PastAnswer(
            step * MINUTE_S,
            points,
            events,
            left_out,
            min(firsts) * MINUTE_S if firsts else None,
        )

    def _point(self, row: tuple[Any, ...]) -> Point:
        point = dict(zip(POINT, row, strict=True))
        energy = [point["energy_in"] / JOULES_PER_KWH, point["energy_out"] / JOULES_PER_KWH]
        point["energy_in"], point["energy_out"] = reversed(energy) if self._invert else energy
        for cell in ("cell_min", "cell_max"):
            point[cell] = unpacked(point[cell])
        return point

    def _events(
        self, database: sqlite3.Connection, question: Question, pending: Sequence[HistoryEvent]
    ) -> tuple[list[HistoryEvent], int]:
        """The newest, in order, and how many are left out; for the bank those of all batteries."""
        battery, start, end, _ = question
        where = "time >= :start AND time < :end AND (battery = :battery OR NOT :battery)"
        [(count,)] = database.execute(
            f"SELECT COUNT(*) FROM events WHERE {where}",  # noqa: S608 (ours)
            question._asdict(),
        )
        rows = database.execute(
            f"SELECT * FROM events WHERE {where} ORDER BY time DESC LIMIT {MOST_EVENTS}",  # noqa: S608
            question._asdict(),
        )
        found = set(map(HistoryEvent._make, rows))
        new = {
            each
            for each in pending
            if start <= each.time < end and battery in (BANK_NUMBER, each.battery)
        }
        events = in_order(found | new)[-MOST_EVENTS:]
        return events, count + len(new - found) - len(events)


def with_gaps(points: Sequence[Point], step: int) -> Iterator[Point]:
    """The same, with a point of None where steps are missing."""
    before = None
    for point in points:
        if before is not None and point["time"] - before > step:
            yield {**dict.fromkeys(POINT), "time": before + step}
        before = point["time"]
        yield point
