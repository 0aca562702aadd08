"""examples/eflex_store.py with brokers of MQTT 3.1.1, and with more than it can hold."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import pytest

from tests.support.bank import EXAMPLE, START
from tests.support.scripted_broker import OldBroker

from .store import GROUP, HOUSE, all_stored, array, keys

BOUNDLESS = ("allow_anonymous true", "max_inflight_messages 0", "max_queued_messages 0")
UNSUPPORTED = [bytes([0x20, 2, 0, 1]), bytes([0x20, 3, 0, 0x84, 0])]
"""CONNACK in the words of MQTT 3.1.1, as NATS answers, and of MQTT 5."""


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
