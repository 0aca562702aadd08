"""examples/eflex_store.py between a real mosquitto and a real PostgreSQL: each reading, once.

What the banks send is seen by a subscriber of its own, whose session the broker keeps.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import time
from pathlib import Path

import psycopg
import pytest

from tests.support.bank import EXAMPLE, START
from tests.support.broker import wait_until
from tests.support.postgres import rows
from tests.support.program import mqtt_ini, stop
from tests.support.scripted_broker import OldBroker

from .store import HOUSE, count_stored, keys, stored, stored_fields

BARN = "eflex/home/barn"
BATTERIES = 14
PACE = "4"
GROUP = ("--group", "store")
BOUNDLESS = ("allow_anonymous true", "max_inflight_messages 0", "max_queued_messages 0")
STORED_S = 30.0
UNSUPPORTED = [bytes([0x20, 2, 0, 1]), bytes([0x20, 3, 0, 0x84, 0])]
"""CONNACK in the words of MQTT 3.1.1, as NATS answers, and of MQTT 5."""


def array(number, **changes):
    """The array of a second: three batteries, whose charge is the number of the second."""
    at = int(START) + number
    return json.dumps(
        [{**each, "battery_soc": number % 101, "time": at, **changes} for each in EXAMPLE]
    )


@pytest.fixture
def make_old():
    """Brokers of MQTT 3.1.1 before the broker on a port."""
    made = []

    def make(port, answer=UNSUPPORTED[0]):
        made.append(OldBroker(port, answer))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def start_banks(remembering_broker, subscribe, start, tmp_path):
    """Two banks that send four arrays a second, and what the broker has had of them.

    They begin when the readers have subscribed.
    """

    def start_banks():
        witness = subscribe(remembering_broker.port, "eflex/#", session="witness")
        processes = []
        for topic in (HOUSE, BARN):
            folder = tmp_path / topic.rpartition("/")[2]
            folder.mkdir()
            settings = {"topic": topic, "client_id": topic.replace("/", "-"), "fields": "extended"}
            ini = mqtt_ini(folder, remembering_broker.port, **settings)
            arguments = ("-c", ini, "--input", f"simulator:{BATTERIES}", "--speed", PACE)
            processes.append(start(*arguments, stdout=None, stderr=None))
        return Banks(witness, processes)

    return start_banks


class Banks:
    """Two banks that run, and a subscriber that has had all that they sent."""

    def __init__(self, witness, processes):
        self._witness = witness
        self._processes = processes

    def arrays(self):
        """Those so far, with their topics."""
        messages = list(self._witness.messages)
        return [(topic, payload) for topic, payload, _ in messages if topic in (HOUSE, BARN)]

    def wait_for_more(self, count):
        """Until so many arrays more have come."""
        enough = len(self.arrays()) + count
        wait_until(lambda: len(self.arrays()) >= enough, f"{count} arrays")

    def end(self):
        """Stop the banks; all readings that they have sent."""
        for each in self._processes:
            stop(each)
        self._witness.catch_up()
        return keys(self.arrays())


def all_stored(database, expected):
    """Wait until the readings are there, and no others."""
    with contextlib.suppress(AssertionError):
        wait_until(lambda: count_stored(database) >= len(expected), longest_s=STORED_S)
    found = stored(database)
    assert sorted(expected - found) == []
    assert sorted(found - expected) == []


def test_a_reading_is_stored_as_it_was_sent(remembering_broker, make_store, publish, database):
    make_store(remembering_broker.port)
    extended = {"alarm_status": "Normal", "charge_current_limit": 49.5, "min_temp": -3}
    payload = array(1, **extended)
    publish(payload)
    all_stored(database, keys([(HOUSE, payload)]))
    for key, fields in stored_fields(database).items():
        [sent] = [each for each in json.loads(payload) if each["battery_id"] == key[1]]
        absent = {name for name in fields if name not in sent}
        assert {name: fields[name] for name in fields.keys() - absent} == {
            name: sent[name] for name in fields.keys() - absent
        }
        assert absent == {"max_temp", "charge_relay_status", "discharge_relay_status"}
        assert {fields[name] for name in absent} == {None}


def test_two_readers_of_a_group_share_what_two_banks_send(
    remembering_broker, make_store, start_banks, database
):
    readers = [make_store(remembering_broker.port, name, *GROUP) for name in ("store-1", "store-2")]
    banks = start_banks()
    banks.wait_for_more(40)
    all_stored(database, banks.end())
    for each in readers:
        assert each.end() == 0
    shares = [int(re.search(r"^stored (\d+) arrays$", each.said(), re.M)[1]) for each in readers]
    assert sum(shares) == len(banks.arrays())
    assert min(shares) > sum(shares) / 4


def test_the_share_of_a_reader_that_is_away_waits_for_it(
    remembering_broker, make_store, publish, database
):
    """As docs/many-banks.md says of mosquitto."""
    readers = [make_store(remembering_broker.port, name, *GROUP) for name in ("store-1", "store-2")]
    readers[0].end()
    payloads = [array(each) for each in range(100)]
    publish(*payloads)
    wait_until(lambda: len(stored(database)) >= 150, "the other's half")
    time.sleep(1)
    assert len(stored(database)) == 150
    readers[0].start()
    all_stored(database, keys((HOUSE, each) for each in payloads))


def test_the_same_array_twice_is_one_reading_of_each_battery(
    remembering_broker, make_store, publish, database
):
    make_store(remembering_broker.port)
    publish(array(1), array(1), array(2), array(1))
    publish(array(1), topic=BARN)  # another bank, with batteries of the same names
    all_stored(database, keys([(HOUSE, array(1)), (HOUSE, array(2)), (BARN, array(1))]))


def test_what_is_no_array_is_skipped_and_what_comes_with_it_is_stored(
    remembering_broker, make_store, publish, database
):
    reader = make_store(remembering_broker.port)
    wrong = [
        *("", "offline", "{}", "[1]", '[{"battery_id": "x"}]', '[{"time": 1715987139}]', "\0"),
        *('[{"battery_id": "x", "time": "noon"}]', '[{"battery_id": "x", "time": 99999999999999}]'),
        *('[{"battery_id": "\\u0000", "time": 1}]', b"[\xff]", "[" * 20_000),
        array(7, battery_soc=100_000),
    ]
    publish(array(1), *wrong, array(2))
    all_stored(database, keys([(HOUSE, array(1)), (HOUSE, array(2))]))
    wait_until(lambda: reader.said().count("skipped") == len(wrong), reader.said())
    # All of it was acknowledged: the next one gets nothing of it.
    reader.end()
    reader.start()
    publish(array(3))
    all_stored(database, keys((HOUSE, array(each)) for each in (1, 2, 3)))
    assert reader.said().count("skipped") == len(wrong)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_database_loses_nothing(
    remembering_broker, make_store, start_banks, postgres, database, mode
):
    reader = make_store(remembering_broker.port)
    banks = start_banks()
    banks.wait_for_more(10)
    postgres.stop(mode)
    banks.wait_for_more(20)
    postgres.start()
    banks.wait_for_more(10)
    all_stored(database, banks.end())
    wait_until(lambda: reader.said().endswith("database: works again\n"), "the last line")
    said = reader.said().splitlines()
    assert len(said) == len(set(said))  # each error once


def test_a_restart_of_the_broker_loses_nothing(
    remembering_broker, make_store, start_banks, database
):
    make_store(remembering_broker.port)
    banks = start_banks()
    banks.wait_for_more(20)
    remembering_broker.restart()
    banks.wait_for_more(20)
    all_stored(database, banks.end())


def test_a_reader_that_is_killed_loses_nothing(
    remembering_broker, make_store, start_banks, database
):
    reader = make_store(remembering_broker.port)
    banks = start_banks()
    for _ in range(3):
        banks.wait_for_more(8)
        reader.end(signal.SIGKILL)
        banks.wait_for_more(8)
        reader.start()
    all_stored(database, banks.end())


def test_what_is_not_committed_is_not_acknowledged(
    remembering_broker, make_store, publish, postgres, database
):
    """The reader has it, and dies with it."""
    reader = make_store(remembering_broker.port)
    publish(array(1))
    all_stored(database, keys([(HOUSE, array(1))]))
    postgres.stop()
    publish(*(array(each) for each in range(2, 20)))
    wait_until(lambda: "retrying until it works" in reader.said(), "the outage")
    time.sleep(1)
    reader.end(signal.SIGKILL)
    postgres.start()
    assert stored(database) == keys([(HOUSE, array(1))])
    reader.start()
    all_stored(database, keys((HOUSE, array(each)) for each in range(1, 20)))


def test_a_reader_that_is_stopped_stores_what_it_has(
    remembering_broker, make_store, publish, database
):
    reader = make_store(remembering_broker.port)
    publish(*(array(each) for each in range(50)))
    assert reader.end() == 0
    before = stored(database)
    reader.start()
    all_stored(database, keys((HOUSE, array(each)) for each in range(50)))
    assert before
    assert "Traceback" not in reader.said()


def test_the_next_broker_is_used_while_one_is_down(
    make_broker, remembering_broker, make_store, publish, database
):
    down = make_broker()
    port = remembering_broker.port
    make_store(down.port, "store-1", "--broker", f"127.0.0.1:{port}")
    publish(array(1))
    all_stored(database, keys([(HOUSE, array(1))]))


def test_without_a_group_each_reader_gets_all_and_a_reading_is_stored_once(
    remembering_broker, make_store, publish, database
):
    readers = [make_store(remembering_broker.port, name) for name in ("store-1", "store-2")]
    payloads = [array(each) for each in range(100)]
    publish(*payloads)
    all_stored(database, keys((HOUSE, each) for each in payloads))
    for each in readers:
        each.end()
        assert f"stored {len(payloads)} arrays" in each.said()


def test_arrays_that_come_together_are_stored_together(
    remembering_broker, make_store, publish, database
):
    reader = make_store(remembering_broker.port)
    reader.end()
    payloads = [array(each) for each in range(100)]
    publish(*payloads)
    reader.start()
    all_stored(database, keys((HOUSE, each) for each in payloads))
    [[transactions]] = rows(database, "SELECT count(DISTINCT xmin::text) FROM reading")
    assert transactions < len(payloads) / 4


def test_readers_that_begin_a_month_together_make_its_table_once(
    remembering_broker, make_store, publish, database
):
    for name in ("store-1", "store-2", "store-3"):
        make_store(remembering_broker.port, name, *GROUP)
    payloads = [array(month * 31 * 86_400 + each) for month in range(6) for each in range(9)]
    publish(*payloads)
    all_stored(database, keys((HOUSE, each) for each in payloads))
    months = rows(database, "SELECT relid::text FROM pg_partition_tree('reading') WHERE isleaf")
    assert len(months) == 6


def test_a_restart_of_the_broker_keeps_what_comes_for_a_reader_that_is_away(
    remembering_broker, make_store, publish, database
):
    reader = make_store(remembering_broker.port)
    reader.end()
    remembering_broker.restart()
    publish(*(array(each) for each in range(20)))
    reader.start()
    all_stored(database, keys((HOUSE, array(each)) for each in range(20)))


def test_a_restart_of_mosquitto_loses_what_comes_for_a_group_that_is_away(
    remembering_broker, make_store, publish, database
):
    """As docs/many-banks.md says of it.  A newer one may do better."""
    reader = make_store(remembering_broker.port, "store-1", *GROUP)
    reader.end()
    remembering_broker.restart()
    publish(*(array(each) for each in range(20)))
    reader.start()
    publish(array(20))
    all_stored(database, keys([(HOUSE, array(20))]))


@pytest.mark.parametrize("answer", UNSUPPORTED, ids=["in 3.1.1", "in 5"])
def test_a_broker_without_mqtt_5_gets_3_1_1_and_keeps_what_comes_while_the_reader_is_away(
    remembering_broker, make_old, make_store, publish, database, answer
):
    old = make_old(remembering_broker.port, answer)
    reader = make_store(old.port)
    publish(array(0))
    all_stored(database, keys([(HOUSE, array(0))]))
    reader.end(signal.SIGKILL)
    publish(*(array(each) for each in range(1, 20)))
    reader.start()
    all_stored(database, keys((HOUSE, array(each)) for each in range(20)))
    assert old.levels() == [5, 4, 5, 4]
    port = old.port
    assert reader.said().splitlines() == 2 * [
        f"127.0.0.1:{port}: this broker does not accept MQTT 5; MQTT 3.1.1 is used",
        f"127.0.0.1:{port}: reads eflex/+/+, eflex/+/+/status, eflex/+/+/bank/attention",
    ]


def test_a_group_needs_mqtt_5(remembering_broker, make_old, make_store):
    """NATS would take the subscription, and send nothing."""
    old = make_old(remembering_broker.port)
    reader = make_store(old.port, "store-1", *GROUP, reads=False)
    assert reader.wait() == 78
    assert reader.said() == (
        f"127.0.0.1:{old.port}: this broker does not accept MQTT 5, as --group needs\n"
    )


def memory_mb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1000


def test_a_reader_does_not_take_more_than_it_can_hold(
    make_broker, make_old, make_store, make_publish, postgres, database
):
    """With MQTT 3.1.1, this broker sends without end, and the database is away."""
    broker = make_broker(*BOUNDLESS).start()
    publish, old = make_publish(broker.port), make_old(broker.port)
    reader = make_store(old.port)
    before = memory_mb(reader.pid)
    postgres.stop()
    payloads = [
        json.dumps([{**EXAMPLE[0], "time": int(START) + each, "filler": "x" * 30_000}])
        for each in range(4000)
    ]
    publish(*payloads)
    time.sleep(2)
    assert 30 < memory_mb(reader.pid) - before < 110  # all of them have 120, and a batch 45
    postgres.start()
    all_stored(database, keys((HOUSE, each) for each in payloads))


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_message_that_is_too_long_for_an_array_is_skipped(
    remembering_broker, make_old, make_store, publish, database, version
):
    broker = remembering_broker if version == "5" else make_old(remembering_broker.port)
    reader = make_store(broker.port)
    publish(array(1), array(2, filler="x" * 1_000_000), array(3))
    all_stored(database, keys([(HOUSE, array(1)), (HOUSE, array(3))]))
    # With MQTT 5, the broker skips it.
    assert ("bytes, and skipped" in reader.said()) == (version == "3.1.1")


def test_the_reader_sums_up_days_that_are_over(remembering_broker, make_store, publish, database):
    reader = make_store(remembering_broker.port)
    publish(array(0), array(86_400))
    all_stored(database, keys([(HOUSE, array(0)), (HOUSE, array(86_400))]))
    reader.end()
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE changed_day SET since = since - interval '2 hours'")
    reader.start()
    wait_until(lambda: rows(database, "SELECT count(*) FROM changed_day") == [(0,)], "the days")
    found = rows(database, "SELECT readings FROM battery_day")
    assert found == [(1,)] * 2 * len(EXAMPLE)


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


def test_a_connection_string_that_is_none_ends_the_reader(remembering_broker, make_store):
    reader = make_store(
        remembering_broker.port, "store-1", "--database", "databse=eflex", reads=False
    )
    assert reader.wait() == 2
    assert reader.said().endswith('--database: invalid connection option "databse"\n')
