"""A broker, a network or an array that misbehaves holds up nothing else."""

from __future__ import annotations

import json
import time

import pytest

from eflexcan2mqtt.sinks.message import Announcer, Message
from eflexcan2mqtt.sinks.mqtt import caution, search
from tests.support.arrays import array, drained, numbers, publish
from tests.support.broker import LONGEST_WAIT_S, wait_until
from tests.support.faults import seen
from tests.support.proxy import ACKNOWLEDGEMENTS, TO_BROKER


@pytest.fixture
def hurried(monkeypatch):
    """Nothing takes longer than it must."""
    monkeypatch.setattr(search, "RECONNECT_S", (0.1, 1.0))
    monkeypatch.setattr(caution, "HOLD_S", 1.0)


def rejected(folder):
    """What was set aside, by number of its array."""
    return {json.loads(path.read_text())[0]["time"] for path in folder.glob("rejected-*")}


def test_a_broker_that_acknowledges_nothing_is_reported_and_left(
    open_sink, broker, make_proxy, lines, subscribe
):
    """It answers pings: only the acknowledgements are missing."""
    network, subscriber = make_proxy(broker.port), subscribe(broker.port)
    sink = open_sink(network.port, keepalive=1)
    publish(sink, 0)
    assert drained(sink)
    network.swallowed = ACKNOWLEDGEMENTS
    publish(sink, 1)
    wait_until(lambda: sink.state.connections >= 3)
    assert not sink.state.connected
    [line] = lines("acknowledged")
    assert line.startswith(
        f"127.0.0.1:{network.port}: has acknowledged nothing for 2 s; connecting again; "
    )
    network.swallowed = frozenset()
    assert drained(sink)
    wait_until(lambda: 1 in numbers(subscriber.payloads()))


@pytest.mark.usefixtures("hurried")
def test_an_array_that_ends_each_connection_is_set_aside_and_the_rest_arrives(
    open_sink, make_broker, subscribe, lines, tmp_path
):
    broker = make_broker("allow_anonymous true", "max_packet_size 4000").start()
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port, spool=tmp_path / "spool", version="3.1.1")
    publish(sink, 1, 2)
    publish(sink, 3, size=5000)
    publish(sink, *range(4, 30))
    wait_until(lambda: sink.state.waiting == 0, longest_s=2 * LONGEST_WAIT_S)
    wait_until(lambda: numbers(subscriber.payloads())[-1:] == [29])
    assert numbers(subscriber.payloads()) == [1, 2, *range(4, 30)]
    [path] = (tmp_path / "spool").glob("rejected-*")
    assert json.loads(path.read_text()) == array(3, 5000)
    [line] = lines("moved to")
    size = path.stat().st_size
    assert f"the array of 1970-01-01 00:00:03 UTC ({size} bytes); moved to {path}" in line
    assert len(lines("does another client use client_id")) <= 1
    seen("an array ends each connection", line)


@pytest.mark.usefixtures("hurried")
def test_without_a_spool_it_waits_until_it_is_the_oldest_of_too_many(
    open_sink, make_broker, subscribe, lines
):
    broker = make_broker("allow_anonymous true", "max_packet_size 4000").start()
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port, room=30, version="3.1.1")
    publish(sink, 1, size=5000)
    publish(sink, *range(2, 12))
    wait_until(lambda: lines("cannot set it aside"), longest_s=2 * LONGEST_WAIT_S)
    seen("an array ends each connection, and there is no spool", "\n".join(lines()))
    assert sink.state.waiting == 11
    publish(sink, *range(12, 50))
    wait_until(lambda: sink.state.waiting == 0)
    wait_until(lambda: numbers(subscriber.payloads())[-1:] == [49])


@pytest.mark.parametrize("version", ["auto", "3.1.1"])
def test_two_clients_of_one_id_set_nothing_aside(
    open_sink, broker, subscribe, lines, tmp_path, version
):
    """They are one line each, and both live on.  Newer brokers say why, with MQTT 5."""
    subscriber = subscribe(broker.port)
    sinks = [
        open_sink(broker.port, spool=tmp_path / name, version=version) for name in ("one", "other")
    ]
    until = time.monotonic() + 9
    number = 0
    while time.monotonic() < until:
        publish(sinks[0], number)
        publish(sinks[1], 1000 + number)
        number += 1
        time.sleep(0.1)
    wait_until(lambda: lines("client_id"))
    clients = lines("client_id")
    assert len(clients) <= 2
    for line in clients:
        if "Session taken over" in line:
            seen("two clients with one client id, and a broker that says so", line)
        else:
            seen("two clients with one client id", line)
    assert sinks[0].close() >= 0
    assert drained(sinks[1])
    assert not rejected(tmp_path / "one") | rejected(tmp_path / "other")
    expected = {1000 + each for each in range(number)}
    wait_until(lambda: expected <= set(numbers(subscriber.payloads())))


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("version", ["auto", "3.1.1"])
def test_a_network_that_breaks_again_and_again_sets_nothing_aside(
    open_sink, broker, make_proxy, subscribe, tmp_path, version
):
    """It breaks each connection, and for a while no acknowledgement of an array comes through."""
    subscriber, network = subscribe(broker.port), make_proxy(broker.port)
    sink = open_sink(network.port, spool=tmp_path, version=version)
    wait_until(lambda: sink.state.connected)
    network.lifetime_s = 0.3
    for number in range(60):
        publish(sink, number)
        # PUBREC: `online` is acknowledged, arrays are not.
        network.swallowed = frozenset({5}) if number < 50 else frozenset()
        time.sleep(0.15)
    # Not sooner than one has come through: the last to be suspected would look guilty.
    wait_until(lambda: network.cuts > 10 and sink.state.waiting < 60)
    network.lifetime_s = None
    assert drained(sink)
    wait_until(lambda: set(numbers(subscriber.payloads())) == set(range(60)))
    assert not rejected(tmp_path)
    assert list(dict.fromkeys(numbers(subscriber.payloads()))) == list(range(60))


class Changes(Announcer):
    """Says the time of a cycle, once."""

    topics = ()

    def __init__(self):
        self.said = None

    def states(self, cycle, now):
        if cycle[0]["time"] != self.said:
            self.said = cycle[0]["time"]
            yield Message("changes", b"%-300000d" % self.said, qos=0, keep=False)


def test_a_change_that_a_slow_connection_has_no_room_for_is_sent_later(
    open_sink, broker, make_proxy, subscribe
):
    network, subscriber = make_proxy(broker.port), subscribe(broker.port, "changes")
    sink = open_sink(network.port, announcers=(Changes(),))
    publish(sink, 0)
    wait_until(lambda: subscriber.payloads("changes"))
    network.held = frozenset({TO_BROKER})
    for number in range(1, 201):
        publish(sink, number)
        time.sleep(0.01)
    network.held = frozenset()

    def has_the_last():
        publish(sink, 200)  # the bank goes on: what is older than some seconds is not sent
        return int(subscriber.payloads("changes")[-1]) == 200

    wait_until(has_the_last)
    assert len(subscriber.payloads("changes")) < 200
