"""examples/eflex_store.py between a real mosquitto and a real PostgreSQL: each reading, once.

What the banks send is seen by a subscriber of its own, whose session the broker keeps.
"""

from __future__ import annotations

import json
import re
import signal
import time

import psycopg
import pytest

from tests.support.bank import EXAMPLE
from tests.support.broker import wait_until
from tests.support.postgres import rows
from tests.support.program import mqtt_ini, stop

from .store import GROUP, HOUSE, all_stored, array, keys, stored, stored_fields

BARN = "eflex/home/barn"
BATTERIES = 14
PACE = "4"


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
