"""examples/eflex_store.py while the database takes nothing: it waits, and then stores all."""

from __future__ import annotations

import psycopg
import pytest

from tests.support.bank import EXAMPLE
from tests.support.broker import wait_until
from tests.support.postgres import rows

from .store import HOUSE, all_stored, array, keys


@pytest.fixture
def as_visitor(postgres, database):
    """Arguments of a reader with a role and a password of its own."""
    [[name]] = rows(database, "SELECT 'visitor_' || current_database()")
    access = postgres.folder / "data" / "pg_hba.conf"
    access.write_text(f"local all {name} scram-sha-256\n{access.read_text()}")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'right' IN ROLE eflex")
        connection.execute("SELECT pg_reload_conf()")
    return "--database", f"{database} user={name} password=right"


@pytest.mark.parametrize(
    ("trouble", "remedy", "said"),
    [
        pytest.param(*each, id=each[2])
        for each in (
            (
                "ALTER ROLE visitor_{name} PASSWORD 'new'",
                "ALTER ROLE visitor_{name} PASSWORD 'right'",
                "password authentication failed",
            ),
            (
                "ALTER ROLE visitor_{name} CONNECTION LIMIT 0",
                "ALTER ROLE visitor_{name} CONNECTION LIMIT -1",
                "too many connections",
            ),
            (
                "ALTER DATABASE {name} SET default_transaction_read_only = on",
                "ALTER DATABASE {name} RESET default_transaction_read_only",
                "read-only transaction",
            ),
            (
                "ALTER TABLE reading RENAME TO away",
                "ALTER TABLE away RENAME TO reading",
                "not exist",
            ),
        )
    ],
)
def test_what_the_database_refuses_waits_until_it_takes_it(
    remembering_broker, make_store, publish, database, as_visitor, trouble, remedy, said
):
    reader = make_store(remembering_broker.port, "store-1", *as_visitor)
    publish(array(0))
    all_stored(database, keys([(HOUSE, array(0))]))
    with psycopg.connect(database, autocommit=True) as connection:
        [name] = connection.execute("SELECT current_database()").fetchone()
        connection.execute(trouble.format(name=name))
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s "
            "AND pid <> pg_backend_pid()",
            (name,),
        )
        publish(*(array(each) for each in range(1, 10)))
        wait_until(lambda: said in reader.said(), said)
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(remedy.format(name=name))
    all_stored(database, keys((HOUSE, array(each)) for each in range(10)))
    wait_until(lambda: reader.said().endswith("database: works again\n"), "the last line")
    lines = reader.said().splitlines()
    assert len(lines) == len(set(lines))


def test_what_the_full_disk_of_the_database_does_not_take_waits_until_there_is_room(
    remembering_broker, make_store, publish, postgres, database, small_tablespace
):
    small_tablespace.fill()
    reader = make_store(remembering_broker.port)
    payloads = [array(each) for each in range(500)]
    publish(*payloads)
    wait_until(lambda: "could not extend file" in reader.said(), "a full disk")
    small_tablespace.free()
    all_stored(database, keys((HOUSE, each) for each in payloads))


def test_a_deadlock_is_tried_again(remembering_broker, make_store, publish, database):
    # It looks for a deadlock once: when the other waits as well.
    late = f"{database} options='-c deadlock_timeout=5s'"
    reader = make_store(remembering_broker.port, "store-1", "--database", late)
    first, last = min(ids := [each["battery_id"] for each in EXAMPLE]), max(ids)
    insert = "INSERT INTO battery (topic, battery_id) VALUES (%s, %s)"
    with psycopg.connect(database) as other:
        other.execute("SET deadlock_timeout = '1h'")  # so that the reader is the one to end
        other.execute(insert, (HOUSE, last))
        publish(array(1))
        wait_until(lambda: rows(database, "SELECT FROM pg_locks WHERE NOT granted"), "a lock")
        other.execute(insert, (HOUSE, first))
        other.rollback()
    all_stored(database, keys([(HOUSE, array(1))]))
    assert "database: deadlock detected" in reader.said()
