"""Minutes of batteries for tests, without readings."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from eflexcan2mqtt.protocol.minutes import BANK_NUMBER, Minute, packed
from eflexcan2mqtt.sinks.history.columns import TABLES
from eflexcan2mqtt.sinks.history.store import FILE_NAME

NOON = 1_780_315_200 // 60
"""A full hour, in minutes since 1970: 2026-06-01 12:00 UTC."""


def minute(time: int = NOON, battery: int = BANK_NUMBER, **changes: int) -> Minute:
    """A minute of a bank that charges with 10 A at 53 V."""
    watts = 530
    return Minute(
        *(time, battery, 60),
        *(500, 490, 510),
        *(5300, 5280, 5320),
        *(100, 90, 110),
        *(watts - 50, watts + 50),
        *(watts * 60, 0),
        *(20, 25),
        *(packed(3300, battery or 3, 5), packed(3320, battery or 4, 16)),
    )._replace(**changes)


def minutes(start: int, count: int, battery: int = BANK_NUMBER, **changes: int) -> list[Minute]:
    """So many of them in a row."""
    return [minute(start + number, battery, **changes) for number in range(count)]


def is_open(folder: Path) -> bool:
    """Whether the writer has made its tables; SQLite's own say so."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as database:
        found: int = database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        return found == len(TABLES)
