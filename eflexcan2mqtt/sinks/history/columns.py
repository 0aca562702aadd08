"""The columns of minutes in, SQL out: tables, how rows become one, how they become numbers."""

from __future__ import annotations

from typing import NamedTuple

from ...protocol.minutes import SCALES, Minute

FORMAT = 1

QUARTER = 15
"""Minutes in a row of the table quarters."""

HOUR = 60
"""Minutes in an hour: rows are counted in minutes."""

COLUMNS = Minute._fields
_VALUES = COLUMNS[2:]
_NAMES = ", ".join(COLUMNS)
_DEFINED = ", ".join(f"{name} INTEGER NOT NULL" for name in COLUMNS)

# By time, what is written together is together on the disk.  A chart of a year asks for one
# battery, of which there are 35,000 quarters of an hour.
TABLES = (
    f"CREATE TABLE IF NOT EXISTS minutes ({_DEFINED}, PRIMARY KEY (time, battery)) WITHOUT ROWID",
    f"CREATE TABLE IF NOT EXISTS quarters ({_DEFINED}, PRIMARY KEY (battery, time)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS events (time INTEGER NOT NULL, battery INTEGER NOT NULL, "
    "kind TEXT NOT NULL, begin INTEGER NOT NULL, text TEXT NOT NULL, "
    "PRIMARY KEY (time, battery, kind, begin, text)) WITHOUT ROWID",
)

# A minute may come twice: after a restart, after the clock was set back, from a recording.
_UPSERT = (
    f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _VALUES)} "
    "WHERE excluded.seconds {more} {table}.seconds"
)


def _merged(name: str) -> str:
    """How the values of many rows become one; whole, and a number with its unit kept."""
    if name in SCALES:
        return f"CAST(ROUND(SUM(1.0 * {name} * seconds) / SUM(seconds)) AS INTEGER)"
    if name in ("seconds", "energy_in", "energy_out"):
        return f"SUM({name})"
    return f"{name[-3:].upper()}({name})"


class Inserts(NamedTuple):
    """What of two that have equally many seconds stays, is decided by ``more``: > or >=."""

    minute: str
    quarters: str


def _inserts(more: str) -> Inserts:
    return Inserts(
        f"INSERT INTO minutes VALUES ({', '.join('?' * len(COLUMNS))}) "  # noqa: S608 (all ours)
        f"ON CONFLICT (time, battery) {_UPSERT.format(table='minutes', more=more)}",
        f"INSERT INTO quarters ({_NAMES}) "  # noqa: S608
        f"SELECT time / {QUARTER} * {QUARTER}, battery, {', '.join(map(_merged, _VALUES))} "
        f"FROM minutes WHERE time >= ? AND time < ? GROUP BY battery, time / {QUARTER} "
        f"ON CONFLICT (battery, time) {_UPSERT.format(table='quarters', more=more)}",
    )


LIVE, IMPORTED = _inserts(">="), _inserts(">")
"""What the service has heard itself wins."""

INSERT_EVENT = "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)"

_SHOWN = {
    **{
        name: f"ROUND(SUM(1.0 * {name} * seconds) / SUM(seconds) / {scale}, 2)"
        for name, scale in SCALES.items()
    },
    "power": "ROUND(1.0 * (SUM(energy_in) - SUM(energy_out)) / SUM(seconds), 1)",
}

POINT = (
    "time", "soc", "soc_min", "soc_max", "voltage", "voltage_min", "voltage_max",
    "current", "current_min", "current_max", "power", "power_min", "power_max",
    "temperature_min", "temperature_max", "cell_min", "cell_max", "energy_in", "energy_out",
)  # fmt: skip
"""What is shown of a step, in order; cells are packed, energy is in J."""


def _shown(name: str) -> str:
    quantity = name[:-4]
    if name in _SHOWN:
        return _SHOWN[name]
    if quantity in SCALES:
        return f"{_merged(name)} / {SCALES[quantity]:.1f}"
    return _merged(name)


_VALUES_SHOWN = f"SELECT MIN(time), {', '.join(map(_shown, POINT[1:]))} FROM "  # noqa: S608
_OF_STEP = "WHERE battery = :battery AND time >= :from AND time < :to"

# One after the other: to group a year in one statement, SQLite would sort it first.
SELECT_QUARTERS = f"{_VALUES_SHOWN} quarters {_OF_STEP}"
"""A step in which there are only quarters; its first value is None if there are none."""

SELECT_STEP = (
    f"{_VALUES_SHOWN} ("  # noqa: S608
    f"SELECT {_NAMES} FROM quarters {_OF_STEP} AND time < :split UNION ALL "
    f"SELECT {_NAMES} FROM minutes {_OF_STEP} AND time >= :split UNION ALL "
    f"SELECT {_NAMES} FROM pending {_OF_STEP})"
)
"""Any step; ``split`` is where quarters end and minutes begin.  All times are in minutes."""
