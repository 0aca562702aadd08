"""What examples/eflex_store.py is refused: said once, tried again if that can help, or the end."""

from __future__ import annotations

import json
import time

import psycopg
import pytest

from tests.support.bank import EXAMPLE
from tests.support.broker import free_port, wait_until
from tests.support.postgres import rows
from tests.support.scripted_broker import SUBACK, SUBSCRIBE, ScriptedBroker, obliging, reply

from .store import EXAMPLES, HOUSE, stored

TOPICS = 3


@pytest.fixture
def refusing():
    """A broker that answers the first subscription with a reason code, the next ones with QoS 1."""
    made = []

    def refusing(reason):
        def answer(packet):
            if packet.kind != SUBSCRIBE:
                return obliging(packet)
            first = len(broker.of(SUBSCRIBE)) == 1
            return reply(SUBACK, packet.id, 0, *[reason if first else 1] * TOPICS)

        broker = ScriptedBroker(answer)
        made.append(broker)
        return broker

    yield refusing
    for each in made:
        each.close()


def test_a_subscription_that_fails_is_tried_again(refusing, make_store):
    """NATS answers so while its JetStream does not work."""
    broker = refusing(0x80)
    reader = make_store(broker.port)
    place = f"127.0.0.1:{broker.port}"
    why = "eflex/+/+: expected QoS 1, the broker says: Unspecified error"
    assert reader.said().splitlines() == [
        f"{place}: {why}; retrying until a broker works",
        f"{place}: reads eflex/+/+, eflex/+/+/status, eflex/+/+/bank/attention",
    ]


@pytest.mark.parametrize(("reason", "words"), [(0x87, "Not authorized"), (0x00, "Granted QoS 0")])
def test_a_subscription_that_is_not_allowed_ends_the_reader(refusing, make_store, reason, words):
    broker = refusing(reason)
    reader = make_store(broker.port, reads=False)
    assert reader.wait() == 78
    assert reader.said().endswith(f"expected QoS 1, the broker says: {words}\n")


def test_what_stays_wrong_at_several_brokers_is_one_line_each(make_broker, make_store):
    closed = make_broker("allow_anonymous false").start()
    nobody = free_port()
    brokers = [f"127.0.0.1:{closed.port}", f"127.0.0.1:{nobody}", "nobody.invalid"]
    reader = make_store(brokers, reads=False)
    wait_until(lambda: closed.log.read_text().count("not authorised") > 2, "three attempts")
    said = reader.said().splitlines()
    assert len(said) == len(brokers)
    assert said[0] == f"{brokers[0]}: refused: Not authorized; retrying until a broker works"
    assert all(line.startswith(f"{place}: ") for line, place in zip(said, brokers, strict=True))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--broker", "mqtt://a.example"),
        ("--broker", "a.example,b.example"),
        ("--broker", "user@a.example"),
        ("--broker", "a.example/mqtt"),
        ("--broker", "a..b"),
        ("--broker", "a.example:0"),
        ("--broker", "a.example:65536"),
        ("--topic", "eflex/#"),
        ("--topic", ""),
    ],
)
def test_an_argument_that_is_none_ends_the_reader(remembering_broker, make_store, arguments):
    reader = make_store(remembering_broker.port, "store-1", *arguments, reads=False)
    assert reader.wait() == 2
    assert f"error: argument {arguments[0]}: invalid" in reader.said()


def test_a_connection_string_that_is_none_ends_the_reader(remembering_broker, make_store):
    reader = make_store(
        remembering_broker.port, "store-1", "--database", "databse=eflex", reads=False
    )
    assert reader.wait() == 2
    assert reader.said().endswith('--database: invalid connection option "databse"\n')


def messages(changes):
    return [json.dumps([{**EXAMPLE[0], **each}]) for each in changes]


def test_what_a_database_of_another_encoding_does_not_have_is_skipped(
    remembering_broker, make_store, publish, postgres, database
):
    [[name]] = rows(database, "SELECT current_database() || '_latin1'")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        )
    latin = postgres.conninfo(name)
    with psycopg.connect(latin) as connection:
        connection.execute((EXAMPLES / "eflex-store.sql").read_bytes())
    reader = make_store(remembering_broker.port, "store-1", "--database", latin)
    publish(*messages([{"battery_id": each} for each in ("2299é", "2299日", "2299")]))
    wait_until(lambda: len(stored(latin)) == 2, "the others")
    assert f"{HOUSE}: no array, and skipped: " in reader.said()


def test_a_reading_of_a_month_that_was_detached_is_skipped_and_said(
    remembering_broker, make_store, publish, database
):
    publish_time = int(EXAMPLE[0]["time"])
    reader = make_store(remembering_broker.port)
    publish(*messages([{"time": publish_time}]))
    wait_until(lambda: len(stored(database)) == 1, "the month")
    [[month]] = rows(
        database,
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'reading'::regclass",
    )
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE reading DETACH PARTITION {month}")
    publish(*messages([{"time": publish_time + 1}, {"time": publish_time + 40 * 86_400}]))
    wait_until(lambda: len(stored(database)) == 1, "the other month")
    day = time.strftime("%Y-%m", time.gmtime(publish_time))
    assert f"{HOUSE}: no array, and skipped: a reading of {day}-" in reader.said()
    assert f", but {month} is detached from reading" in reader.said()
