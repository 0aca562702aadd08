"""The tables of examples/eflex-store.sql: months, retention, and what they are asked."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from statistics import fmean

import psycopg
import pytest

from tests.support.bank import EXAMPLE
from tests.support.broker import LONGEST_WAIT_S, wait_until
from tests.support.postgres import rows

TOPIC = "eflex/home/house"
BATTERY = EXAMPLE[0]["battery_id"]


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp())


@pytest.fixture
def store(database):
    """Store readings of one battery by their times and changes; how many are new."""

    def store(*readings):
        payload = [{**EXAMPLE[0], "time": at(when), **changes} for when, changes in readings]
        with psycopg.connect(database) as connection:
            query = "SELECT store(%s::text[], %s::text[]::jsonb[])"
            found = connection.execute(query, ([TOPIC], [json.dumps(payload)])).fetchone()
        return found[0]

    return store


@pytest.fixture
def beside():
    """Call something in a thread."""
    with ThreadPoolExecutor() as pool:
        yield pool.submit


def months(database):
    query = (
        "SELECT relid::text FROM pg_partition_tree('reading') WHERE isleaf AND level > 0 ORDER BY 1"
    )
    return [name for (name,) in rows(database, query)]


def test_a_month_begins_in_utc_wherever_the_database_is(database, store):
    name = rows(database, "SELECT current_database()")[0][0]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET timezone = 'Pacific/Auckland'")
    assert store(("2026-02-28T23:59:59", {}), ("2026-03-01T00:00:00", {})) == 2
    assert months(database) == ["reading_2026_02", "reading_2026_03"]
    found = rows(database, "SELECT tableoid::regclass::text, count(*) FROM reading GROUP BY 1")
    assert sorted(found) == [("reading_2026_02", 1), ("reading_2026_03", 1)]


def test_who_stores_in_a_new_month_together_makes_its_table_once(database, store, beside):
    """All have seen that there is none before the first has made it."""
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = %s"
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_xact_lock('reading'::regclass::oid::bigint)")
        found = [beside(store, (f"2026-03-01T00:00:0{number % 2}", {})) for number in range(3)]
        name = other.info.dbname
        wait_until(lambda: len(rows(database, waiting, name)) == len(found), "all of them")
        other.rollback()
    assert sum(each.result(LONGEST_WAIT_S) for each in found) == 2
    assert months(database) == ["reading_2026_03"]


def test_what_is_there_stays_as_it_is(database, store):
    assert store(("2026-02-01T00:00:00", {"battery_soc": 50})) == 1
    assert store(("2026-02-01T00:00:00", {"battery_soc": 60}), ("2026-02-01T00:00:01", {})) == 1
    query = "SELECT battery_soc FROM reading ORDER BY time LIMIT 1"
    assert rows(database, query) == [(50,)]


def test_a_column_with_the_name_of_a_key_is_stored_as_well(database, store):
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE reading ADD COLUMN temps jsonb, ADD COLUMN pre_volt real")
    temps = {"1": 25, "2": None}
    store(("2026-02-01T00:00:00", {"temps": temps, "pre_volt": 53.25}))
    assert rows(database, "SELECT temps, pre_volt FROM reading") == [(temps, 53.25)]


def test_whole_months_are_dropped_when_they_are_old(database, store):
    for when in ("2024-12-31T12:00:00", "2025-01-01T00:00:00", "2025-02-01T00:00:00"):
        store((when, {}))
    dropped = "SELECT drop_months(before => %s)"

    def drop(before):
        with psycopg.connect(database) as connection:
            return [name for (name,) in connection.execute(dropped, (before,)).fetchall()]

    assert drop("2025-01-31T23:59:59Z") == ["reading_2024_12"]
    assert drop("2025-02-01T00:00:00Z") == ["reading_2025_01"]
    assert months(database) == ["reading_2025_02"]
    assert store(("2024-12-31T12:00:00", {})) == 1  # late, but no mistake


@pytest.mark.parametrize("how", ["ANALYZE", ""])
def test_months_are_dropped_however_the_database_looks_for_them(database, store, how):
    """With many tables, it looks at the names of all, those of others too."""
    for month in range(36):
        store((f"{2022 + month // 12}-{month % 12 + 1:02}-01T00:00:00", {}))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE reading_old PARTITION OF reading DEFAULT")
        connection.execute(how)
    found = rows(database, "SELECT drop_months(before => '2022-03-31Z')")
    assert found == [("reading_2022_01",), ("reading_2022_02",)]
    assert len(months(database)) == 36 - 2 + 1


CELL_DAYS = "SELECT day::text, lowest, mean::text, highest FROM cell_days(%s, %s, 5, %s)"


def days(database, since="2025-01-01Z"):
    """Those of the fifth cell."""
    return rows(database, CELL_DAYS, TOPIC, BATTERY, since)


def roll_up(database, at="2027-01-01Z"):
    """Sum up all days, as if it were a later time; how many there were."""
    count = 0
    with psycopg.connect(database, autocommit=True) as connection:
        while connection.execute("SELECT roll_up(%s)", (at,)).fetchone() == (True,):
            count += 1
    return count


def cells(fifth):
    return {"cell_voltages": [3300] * 4 + [fifth] + [3300] * 11}


@pytest.fixture
def four_readings(store):
    """On the last day of May, and on two of June."""
    store(
        ("2025-05-31T23:59:59", cells(3200)),
        ("2025-06-01T00:00:00", cells(3200)),
        ("2025-06-01T12:00:00", cells(3401)),
        ("2025-06-03T12:00:00", cells(3401)),
    )


MAY = ("2025-05-31", 3200, "3200.0", 3200)
JUNE = [("2025-06-01", 3200, "3300.5", 3401), ("2025-06-03", 3401, "3401.0", 3401)]


@pytest.mark.parametrize("summed_up", [0, 1, 3])
def test_the_days_of_a_cell_are_right_before_and_after_they_are_summed_up(
    database, four_readings, summed_up
):
    with psycopg.connect(database, autocommit=True) as connection:
        for _ in range(summed_up):
            assert connection.execute("SELECT roll_up('2027-01-01Z')").fetchone() == (True,)
    assert days(database) == [MAY, *JUNE]
    assert days(database, "2025-06-01 00:00Z") == JUNE
    assert days(database, "2025-06-01 23:00Z") == JUNE  # whole days
    assert rows(database, CELL_DAYS, "eflex/home/barn", BATTERY, "2025-01-01Z") == []


def test_a_day_has_all_cells_and_what_else_there_is_of_it(database, store):
    first = {"battery_soc": 40, "min_temp": -3, "max_temp": 5, "lifetime_discharge_energy": 1000}
    last = {"battery_soc": 60, "max_temp": 6, "lifetime_discharge_energy": 200_000}
    store(
        ("2025-06-01T00:00:00", {**first, "cell_voltages": list(range(3300, 3316))}),
        ("2025-06-01T23:59:59", {**last, "cell_voltages": list(range(3301, 3317))}),
        ("2025-06-01T12:00:00", {"battery_soc": 50, "cell_voltages": None}),
        ("2025-06-02T00:00:00", {"battery_soc": 1}),
    )
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE changed_day SET since = day::timestamp AT TIME ZONE 'UTC'")
    assert roll_up(database, "2025-06-02 00:59Z") == 0  # for an hour, late ones come
    assert roll_up(database, "2025-06-02 01:01Z") == 1
    found = rows(database, "SELECT to_jsonb(battery_day) - 'battery' FROM battery_day")
    assert found == [
        (
            {
                "day": "2025-06-01",
                "readings": 3,
                "lowest": list(range(3300, 3316)),
                "mean": [each + 0.5 for each in range(3300, 3316)],
                "highest": list(range(3301, 3317)),
                "lowest_soc": 40,
                "highest_soc": 60,
                "min_temp": -3,
                "max_temp": 6,
                "lifetime_discharge_energy": 200_000,
            },
        )
    ]


def test_a_reading_that_comes_late_is_in_its_day_at_once_and_summed_up_an_hour_later(
    database, four_readings, store
):
    assert roll_up(database) == 3
    store(("2025-05-31T12:00:00", cells(3210)))
    may = ("2025-05-31", 3200, "3205.0", 3210)
    assert days(database) == [may, *JUNE]
    with psycopg.connect(database, autocommit=True) as connection:
        assert connection.execute("SELECT roll_up()").fetchone() == (False,)
    assert roll_up(database) == 1
    assert days(database) == [may, *JUNE]
    store(("2025-05-31T12:00:00", cells(3100)))  # it is there already
    assert roll_up(database) == 0
    assert days(database) == [may, *JUNE]


def blocked(database):
    """Until one waits for another."""
    query = "SELECT FROM pg_locks JOIN pg_database ON oid = database WHERE NOT granted"
    own = " AND datname = current_database()"
    either = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'" + own
    wait_until(lambda: rows(database, query + own) or rows(database, either), "a lock")


def test_what_is_stored_while_its_day_is_summed_up_is_counted_later(
    database, four_readings, store, beside
):
    with psycopg.connect(database) as summing:
        assert summing.execute("SELECT roll_up('2027-01-01Z')").fetchone() == (True,)
        storing = beside(store, ("2025-05-31T12:00:00", cells(3210)))
        blocked(database)
        another_day = beside(store, ("2025-06-03T12:00:01", cells(3401)))
        assert another_day.result(LONGEST_WAIT_S) == 1
        summing.commit()
        assert storing.result(LONGEST_WAIT_S) == 1
    assert days(database)[0] == ("2025-05-31", 3200, "3205.0", 3210)
    assert roll_up(database) == 3
    assert days(database)[0] == ("2025-05-31", 3200, "3205.0", 3210)


def test_what_is_not_committed_while_its_day_is_summed_up_is_waited_for(
    database, four_readings, beside
):
    reading = {**EXAMPLE[0], "time": at("2025-05-31T12:00:00"), **cells(3210)}
    with psycopg.connect(database) as storing:
        query = "SELECT store(%s::text[], %s::text[]::jsonb[])"
        assert storing.execute(query, ([TOPIC], [json.dumps([reading])])).fetchone() == (1,)
        summing = beside(roll_up, database)
        blocked(database)
        storing.commit()
        assert summing.result(LONGEST_WAIT_S) == 3
    assert days(database)[0] == ("2025-05-31", 3200, "3205.0", 3210)


def test_two_readers_do_not_sum_up_at_once(database, four_readings):
    with psycopg.connect(database) as first:
        assert first.execute("SELECT roll_up('2027-01-01Z')").fetchone() == (True,)
        assert roll_up(database) == 0
    assert roll_up(database) == 2


def test_who_stores_waits_no_longer_when_summing_up_fails(database, four_readings, store):
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql "
            "AS 'BEGIN RAISE ''not now''; END';"
            "CREATE TRIGGER no BEFORE DELETE ON changed_day EXECUTE FUNCTION no()"
        )
        with pytest.raises(psycopg.Error, match="not now"):
            connection.execute("SELECT roll_up('2027-01-01Z')")
        assert store(("2025-05-31T12:00:00", cells(3210))) == 1


@pytest.mark.parametrize("summed_up", [True, False])
def test_days_stay_when_their_readings_are_dropped(database, four_readings, summed_up):
    if summed_up:
        roll_up(database)
    assert rows(database, "SELECT drop_months('2025-06-01Z')") == [("reading_2025_05",)]
    assert days(database) == [MAY, *JUNE]
    roll_up(database)
    assert days(database) == [MAY, *JUNE]


def test_a_reading_that_comes_after_its_month_was_dropped_does_not_stand_for_its_day(
    database, store
):
    store(("2025-05-31T00:00:00", cells(3200)), ("2025-05-31T00:00:01", cells(3200)))
    roll_up(database)
    rows(database, "SELECT drop_months('2025-06-01Z')")
    assert store(("2025-05-31T12:00:00", cells(3000))) == 1
    expected = [("2025-05-31", 3200, "3200.0", 3200)]
    assert days(database) == expected
    roll_up(database)
    assert days(database) == expected
    # But a whole day that comes again is counted.
    store(*((f"2025-05-31T12:00:{second:02d}", cells(3001)) for second in range(1, 5)))
    expected = [("2025-05-31", 3000, "3000.8", 3001)]
    assert days(database) == expected
    roll_up(database)
    assert days(database) == expected


@pytest.mark.parametrize(
    "time",
    [None, "noon", 1.5, True, [], {}, -1, 0, 946684799, 4102444800, 1715987139000, 10**30],
)
def test_a_reading_of_no_such_time_is_refused(database, store, time):
    with pytest.raises((psycopg.DataError, psycopg.errors.NotNullViolation)):
        store(("2025-06-01T00:00:00", {"time": time}))
    assert months(database) == []


def test_days_are_exact_whatever_comes_whenever(database, store):
    """Readings in any order and twice, while days are summed up now and then."""
    draw = random.Random(1)
    sent = {}
    for step in range(60):
        day, hour, minute = draw.randrange(1, 6), draw.randrange(24), draw.randrange(4)
        when = f"2025-06-{day:02d}T{hour:02d}:{minute:02d}:00"
        store((when, cells(sent.setdefault(when, 3200 + draw.randrange(200)))))
        if not step % 7:
            with psycopg.connect(database) as connection:
                connection.execute("SELECT roll_up('2027-01-01Z')")
        if not step % 10:
            by_day = {}
            for moment, fifth in sent.items():
                by_day.setdefault(moment[:10], []).append(fifth)
            assert [(day, low, high) for day, low, _, high in days(database)] == [
                (day, min(of_day), max(of_day)) for day, of_day in sorted(by_day.items())
            ]
            means = [float(mean) for _, _, mean, _ in days(database)]
            assert means == pytest.approx(
                [fmean(each) for _, each in sorted(by_day.items())], abs=0.051
            )
