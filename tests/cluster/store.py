"""What was sent, and what of it is in the database, by the key of a reading."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.support.bank import EXAMPLE, START
from tests.support.broker import wait_until
from tests.support.postgres import rows

EXAMPLES = Path(__file__).parents[2] / "examples"
HOUSE = "eflex/home/house"
GROUP = ("--group", "store")
"""Arguments of readers that share the arrays."""
STORED_S = 30.0

Key = tuple[str, str, int]
"""Topic, battery_id and time."""


def keys(messages: Iterable[tuple[str, bytes]]) -> set[Key]:
    """The readings in arrays."""
    return {
        (topic, reading["battery_id"], reading["time"])
        for topic, payload in messages
        for reading in json.loads(payload)
    }


def stored(database: str) -> set[Key]:
    """The readings in the database; each is there once, which is what a key is for."""
    query = (
        "SELECT topic, battery_id, extract(epoch FROM time)::bigint FROM reading JOIN battery "
        "USING (battery)"
    )
    found = rows(database, query)
    assert len(found) == len(set(found))
    return set(found)


def count_stored(database: str) -> int:
    """How many readings there are."""
    [[count]] = rows(database, "SELECT count(*) FROM reading")
    return int(count)


def stored_fields(database: str) -> dict[Key, dict[str, Any]]:
    """The fields of each reading, as in the array."""
    query = (
        "SELECT topic, battery_id, extract(epoch FROM time)::bigint, "
        "to_jsonb(reading) - 'battery' - 'time' FROM reading JOIN battery USING (battery)"
    )
    return {(topic, name, at): fields for topic, name, at, fields in rows(database, query)}


def longest_gap_s(database: str) -> float:
    """The longest time in which nothing of a bank was committed, between its first and its last."""
    query = """
        SELECT extract(epoch FROM max(gap)) FROM (
            SELECT at - lag(at) OVER (PARTITION BY topic ORDER BY at) AS gap FROM (
                SELECT DISTINCT topic, pg_xact_commit_timestamp(reading.xmin) AS at
                FROM reading JOIN battery USING (battery)
            ) AS commits
        ) AS gaps
    """
    [[found]] = rows(database, query)
    return float(found or 0)  # None: of no bank there are two


def array(number: int, **changes: object) -> str:
    """The array of a second: three batteries, whose charge is the number of the second."""
    at = int(START) + number
    return json.dumps(
        [{**each, "battery_soc": number % 101, "time": at, **changes} for each in EXAMPLE]
    )


def all_stored(database: str, expected: set[Key]) -> None:
    """Wait until the readings are there, and no others."""
    with contextlib.suppress(AssertionError):
        wait_until(lambda: count_stored(database) >= len(expected), longest_s=STORED_S)
    found = stored(database)
    assert sorted(expected - found) == []
    assert sorted(found - expected) == []
