"""PostgreSQL behind examples/eflex_store.py: rows stored, and a year of them that is asked."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from tests.support.bank import FULL
from tests.support.postgres import Postgres
from tests.support.program import MAIN

from .report import Claim, Part

SCHEMA = MAIN.parent / "examples" / "eflex-store.sql"
NOTE = "\n    ), noted AS (", "\n    )\n    SELECT count(*)"
"""Around that part of store() that notes the days that change."""

BATTERIES, BANKS, BATCH, ROUNDS = 14, 500, 500, 10
START = 1_735_689_600  # 2025-01-01
MONTHS, DAYS, DAY_S = 12, 365, 86_400
SLOW_S = 60
FAST_SHARE = 0.3
"""Of the rows, so many are of a battery that publishes most often; each second, if there are 100
million.  The others publish each minute."""
FAST, SLOW = 1, 2
TOPIC = "'eflex/' || each || '/house'"
ASKED = {"fast": FAST, "slow": SLOW}
SUMMED_UP = 30
SETTINGS = {
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "maintenance_work_mem": "256MB",
    "max_parallel_maintenance_workers": "0",
    "autovacuum": "off",
}
"""They make the rows come faster."""
QUESTIONS, LONGEST_S = 5, 20.0
"""So often it is asked when it is warm, but no longer."""

STORE_COST = 1.4
ANSWER_S = 1.0
ROLL_UP_S = 1.0
ROW_BYTES = 250.0


def measure(rows: int) -> Part:
    """Arrays stored, then a year of so many rows."""
    with closing(Postgres()) as server:
        server.start()
        live, live_cost, size = _stored(server, BANKS)
        spool, spool_cost, _ = _stored(server, 1)
    with closing(Postgres(SETTINGS)) as server:
        server.start()
        year = _Year(server, rows)
        count = year.fill()
        of_rows = year.ask(FAST, of_days=False)
        roll_up = {name: year.roll_up(which) for name, which in ASKED.items()}
        year.complete()
        of_days = {name: year.ask(which, of_days=True) for name, which in ASKED.items()}
        on_disk = year.size()
    cold, warm = of_days["fast"]
    return Part(
        "Database: readings of many banks",
        f"PostgreSQL as Debian ships it. Arrays of {BATTERIES} batteries go through store(), "
        f"{BATCH} in a transaction, of {BANKS} banks or of one that was away; beside it a store() "
        "that does not note which days change, in turns. Then a year of readings, made by SQL in "
        f"the order of their time: one battery each {year.fast_s} s, {year.slow} others each "
        f"{SLOW_S} s. A cell, last year, is asked as cell_days() does it, of the days and of the "
        "rows of the last one, which is not summed up; beside it, of all rows of the fast "
        f"battery. (The first {SUMMED_UP} days of two batteries are summed up, the others are "
        "copies.) Cold: neither PostgreSQL nor the kernel has any of it in memory. x is the "
        f"(CPU) time against that of the other way. Measured on {date.today()} with --rows {rows}.",
        ("", "", "x"),
        [
            (f"rows stored a second: {BANKS} banks", live, live_cost),
            ("rows stored a second: one bank", spool, spool_cost),
            ("bytes a row, with its index", size, ""),
            ("rows of the year", count, ""),
            ("on disk, GB", on_disk / 1e9, ""),
            *(
                (f"{what}: {name} battery, s", of_days[name][place], x)
                for name in ASKED
                for place, what in enumerate(("cold", "warm"))
                for x in [of_days[name][place] / of_rows[place] if name == "fast" else ""]
            ),
            *(
                (f"roll_up() of a day of the {name} battery, s", value, "")
                for name, value in roll_up.items()
            ),
        ],
        [
            Claim(f"store() that notes days, {BANKS} banks", live_cost, STORE_COST),
            Claim("store() that notes days, one bank", spool_cost, STORE_COST),
            Claim("bytes a row, with its index", size, ROW_BYTES, "bytes"),
            Claim("this cell, last year: cold", cold, ANSWER_S, "s"),
            Claim("this cell, last year: warm", warm, ANSWER_S, "s"),
            Claim("a day is summed up in", roll_up["fast"], ROLL_UP_S, "s"),
        ],
    )


def _stored(server: Postgres, banks: int) -> tuple[float, float, float]:
    """Rows a second, CPU time against that of a store() that notes no days, bytes a row."""
    schema = SCHEMA.read_text()
    begin, end = (schema.index(each) for each in NOTE)
    texts = {"noting": schema, "plain": schema[:begin] + schema[end:]}
    connections: dict[str, psycopg.Connection[Any]] = {}
    times: dict[str, list[float]] = {name: [] for name in texts}
    cpu: dict[str, list[float]] = {name: [] for name in texts}
    for name, text in texts.items():
        conninfo = server.create(f"{name}_{banks}")
        connections[name] = psycopg.connect(conninfo, autocommit=True)
        connections[name].execute(text.encode())
    for number in range(ROUNDS):
        batch = _batch(banks, START + DAY_S // 2 + number * BATCH // banks)
        for name in sorted(texts, reverse=bool(number % 2)):
            begun, used = time.perf_counter(), _cpu_s(connections[name])
            connections[name].execute("SELECT store(%b::text[], %b::text[]::jsonb[])", batch)
            times[name].append(time.perf_counter() - begun)
            cpu[name].append(_cpu_s(connections[name]) - used)
    noting = connections["noting"]
    [count, size] = noting.execute(
        "SELECT (SELECT count(*) FROM reading), sum(pg_total_relation_size(relid)) "
        "FROM pg_partition_tree('reading')"
    ).fetchone() or (0, 0)
    for each in connections.values():
        each.close()
    cost = median(cpu["noting"][1:]) / median(cpu["plain"][1:])
    return BATCH * BATTERIES / median(times["noting"][1:]), cost, float(size) / count


def _cpu_s(connection: psycopg.Connection[Any]) -> float:
    """What the server's process has used."""
    schedstat = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    return int(schedstat.read_text().split()[0]) / 1e9


def _batch(banks: int, at: int) -> tuple[list[str], list[str]]:
    """Topics and arrays, of all banks in turn."""
    reading = {key: value for key, value in FULL[0].items() if key != "raw"}
    topics = [f"eflex/{number % banks}/house" for number in range(BATCH)]
    arrays = [
        json.dumps(
            [
                {**reading, "battery_id": f"B{number % banks}-{each}", "time": at + number // banks}
                for each in range(BATTERIES)
            ]
        )
        for number in range(BATCH)
    ]
    return topics, arrays


class _Year:
    """A database with so many readings of 2025."""

    def __init__(self, server: Postgres, rows: int) -> None:
        self._server = server
        self.fast_s = max(1, round(DAYS * DAY_S / (rows * FAST_SHARE)))
        self.slow = max(1, (rows - DAYS * DAY_S // self.fast_s) // (DAYS * DAY_S // SLOW_S))
        self._conninfo = server.create("year", SCHEMA)

    def _do(self, *queries: str) -> Any:
        """The first value of the last one."""
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            for query in queries:
                cursor = connection.execute(query.encode())
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def fill(self) -> int:
        """Months of rows, two at a time; how many rows."""
        self._do(
            "INSERT INTO battery (topic, battery_id) "
            f"SELECT {TOPIC}, 'B' FROM generate_series({FAST}, {self.slow + 1}) AS each",
        )
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._month, range(1, MONTHS + 1)))
        self._do("ANALYZE reading")
        return int(
            self._do(
                "SELECT sum(reltuples)::bigint FROM pg_class WHERE relname ~ 'reading_2025_..$'"
            )
        )

    def _month(self, month: int) -> None:
        name, begin = f"reading_2025_{month:02d}", f"timestamptz '2025-{month:02d}-01Z'"
        end = f"timestamptz '{2025 + month // 12}-{month % 12 + 1:02d}-01Z'"
        self._do(
            f"""BEGIN; SET TIME ZONE 'UTC';
            CREATE TABLE {name} (LIKE reading);
            INSERT INTO {name}
            SELECT battery, time, 1, 50, 53.1, -1.5, 50, 162810, 20, 25, 'Normal', 'Make', 'Make',
                cells
            FROM (
                SELECT minute, ARRAY[3300, 3301, 3302, 3303, 3300 + row_number() OVER () % 50, 3305,
                    3306, 3307, 3308, 3309, 3310, 3311, 3312, 3313, 3314, 3315]::smallint[] AS cells
                FROM generate_series({begin}, {end} - interval '1 s', '1 minute') AS minute
            ) AS minutes, LATERAL (
                SELECT battery, minute AS time
                FROM generate_series({SLOW}, {self.slow + 1}) AS battery
                UNION ALL
                SELECT {FAST}, minute + second * interval '1 s'
                FROM generate_series(0, 59) AS second
                WHERE (extract(epoch FROM minute)::bigint + second) % {self.fast_s} = 0
            ) AS each;
            ALTER TABLE {name} ADD PRIMARY KEY (battery, time);
            ALTER TABLE reading ATTACH PARTITION {name} FOR VALUES FROM ({begin}) TO ({end});
            COMMIT""",
            f"VACUUM {name}",
        )

    def roll_up(self, battery: int) -> float:
        """Sum up the first days of a battery; the median of the time for one."""
        times = []
        self._do(
            f"INSERT INTO changed_day SELECT {battery}, day, day FROM generate_series("
            f"timestamp '2025-01-01', timestamp '2025-01-{SUMMED_UP}', '1 day') AS day"
        )
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            for _ in range(SUMMED_UP):
                begun = time.perf_counter()
                assert connection.execute("SELECT roll_up()").fetchone() == (True,)
                times.append(time.perf_counter() - begun)
        return median(times)

    def complete(self) -> None:
        """All days of all batteries but the last ones, as copies of those two, in their order."""
        self._do(
            f"""INSERT INTO battery_day
            SELECT each, date '2025-01-01' + later, readings, lowest, mean, highest, lowest_soc,
                highest_soc, min_temp, max_temp, lifetime_discharge_energy
            FROM generate_series(0, {DAYS - 2}) AS later,
                generate_series({FAST}, {self.slow + 1}) AS each, battery_day AS model
            WHERE model.day = '2025-01-01' AND battery = least(each, {SLOW})
            ORDER BY 2, 1
            ON CONFLICT DO NOTHING""",
            "INSERT INTO changed_day "
            f"SELECT each, '2025-12-31' FROM generate_series({FAST}, {self.slow + 1}) AS each",
            "VACUUM ANALYZE battery_day",
            "VACUUM ANALYZE changed_day",
        )

    def ask(self, battery: int, of_days: bool) -> tuple[float, float]:
        """A cell, last year: cold, and the median of some when it is warm."""
        if of_days:
            query = (
                f"SELECT count(*) FROM cell_days('eflex/{battery}/house', 'B', 5, '2025-01-01Z')"
            )
        else:
            query = (
                "SELECT count(*) FROM (SELECT min(cell_voltages[5]), avg(cell_voltages[5]), "
                f"max(cell_voltages[5]) FROM reading WHERE battery = {battery} "
                "AND time >= '2025-01-01Z' GROUP BY (time AT TIME ZONE 'UTC')::date) AS days"
            )
        self._server.stop()
        _forget(self._server.folder)
        self._server.start()
        times = []
        for _ in range(1 + QUESTIONS):
            begun = time.perf_counter()
            found = self._do(query)
            times.append(time.perf_counter() - begun)
            assert found == DAYS, found
            if len(times) > 1 and sum(times) > LONGEST_S:
                break
        return times[0], median(times[1:])

    def size(self) -> int:
        """Of the database, in bytes."""
        return int(self._do("SELECT pg_database_size('year')"))


def _forget(folder: Path) -> None:
    """Have the kernel drop the files below a folder from its memory."""
    os.sync()
    for file in chain(folder.rglob("base/*/*"), folder.rglob("global/*")):
        if file.is_file():
            with file.open("rb") as opened:
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
