"""Arrays reach a real mosquitto, whatever it goes through."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import nullcontext

import pytest

from eflexcan2mqtt.sinks.mqtt import outage
from eflexcan2mqtt.sinks.mqtt.caution import IN_FLIGHT
from tests.support.arrays import array, drained, numbers, publish
from tests.support.broker import LONGEST_WAIT_S, free_port, wait_until
from tests.support.faults import seen
from tests.support.program import STOP_S


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_arrays_arrive_byte_for_byte_in_their_order(open_sink, broker, subscribe, qos):
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port, qos=qos)
    publish(sink, *range(100))
    wait_until(lambda: len(subscriber.payloads()) == 100)
    assert subscriber.payloads() == [json.dumps(array(n)).encode() for n in range(100)]


def test_the_status_is_retained_and_the_data_are_not(open_sink, broker, subscribe):
    sink = open_sink(broker.port)
    publish(sink, 1)
    assert drained(sink)
    late = subscribe(broker.port)
    wait_until(late.statuses)
    assert late.messages == [("eflexbatteries/status", b"online", True)]
    assert sink.close() == 0
    wait_until(lambda: late.statuses() == [b"online", b"offline"])


def test_a_stop_just_after_the_connection_says_offline(open_sink, broker, subscribe):
    """Before the broker has acknowledged that we are online."""
    for _ in range(5):
        sink = open_sink(broker.port)
        wait_until(lambda sink=sink: sink.state.connections)
        sink.close()
        late = subscribe(broker.port)
        wait_until(lambda late=late: late.statuses()[-1:] == [b"offline"])


def test_a_stop_that_the_broker_does_not_hear_leaves_the_last_will(open_sink, broker, subscribe):
    sink = open_sink(broker.port)
    publish(sink, 1)
    assert drained(sink)
    broker.freeze()
    publish(sink, 2)
    begun = time.monotonic()
    assert sink.close() == 1
    assert time.monotonic() - begun < STOP_S
    broker.thaw()
    late = subscribe(broker.port)
    wait_until(lambda: late.statuses()[-1:] == [b"offline"])


def test_a_broker_that_never_acknowledges_costs_no_memory(open_sink):
    """It accepts us and drops us, again and again: `online` is sent once each time."""
    received = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LONGEST_WAIT_S)
        sink = open_sink(server.getsockname()[1], version="3.1.1")
        for _ in range(4):
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(bytes([0x20, 2, 0, 0]))  # CONNACK
                time.sleep(0.3)
                received.append(connection.recv(10_000).count(b"online"))
        assert received == [1, 1, 1, 1]
        sink.close(0.1)


def test_it_starts_without_a_broker_and_says_so_once(
    open_sink, broker, make_proxy, subscribe, lines
):
    subscriber = subscribe(broker.port)
    port = free_port()
    sink = open_sink(port)
    publish(sink, 1, 2)
    wait_until(lines)
    time.sleep(3.5)  # the second and third attempts fail as well
    publish(sink, 3)
    assert lines() == [f"127.0.0.1:{port}: Connection refused; arrays are kept until it is back"]
    seen("there is no broker at the address", "\n".join(lines()))
    assert sink.state.waiting == 3
    assert not sink.state.connected
    assert subscriber.payloads() == []


def test_a_broker_that_comes_later_gets_all(open_sink, broker, make_proxy, subscribe, lines):
    subscriber, network = subscribe(broker.port), make_proxy(broker.port)
    network.down()
    sink = open_sink(network.port)
    publish(sink, 1, 2)
    wait_until(lines)
    network.up()
    publish(sink, 3)
    wait_until(lambda: numbers(subscriber.payloads()) == [1, 2, 3])
    assert len(lines(": back after ")) == 1
    assert len(lines()) == 2


@pytest.mark.parametrize("end", ["kill", "stop"])
@pytest.mark.parametrize("qos", [1, 2])
def test_a_broker_that_goes_and_comes_back_costs_no_array(
    open_sink, remembering_broker, subscribe, tmp_path, lines, qos, end, monkeypatch
):
    """All arrays of the outage arrive, once and in order; lost and back are logged once."""
    monkeypatch.setattr(outage, "SHORT_S", 0.0)
    broker = remembering_broker
    subscriber = subscribe(broker.port, session="reader")
    sink = open_sink(broker.port, qos=qos)
    publish(sink, 0)
    wait_until(lambda: len(subscriber.payloads()) == 1)
    assert drained(sink)
    database = tmp_path / "mosquitto.db"
    wait_until(lambda: database.exists() and b"eflexbatteries/#" in database.read_bytes())
    getattr(broker, end)()
    publish(sink, *range(1, 60))
    wait_until(lambda: lines("the connection is lost"))
    publish(sink, *range(60, 100))
    broker.start()
    assert drained(sink)
    wait_until(lambda: numbers(subscriber.payloads())[-1:] == [99])
    found = numbers(subscriber.payloads())
    # A killed broker may not have written down that the subscriber had 0, and sends it again.
    assert found[found.count(0) - 1 :] == list(range(100))
    assert subscriber.statuses()[-1] == b"online"
    assert len(lines("the connection is lost")) == 1
    assert len(lines(": back after ")) == 1
    assert len(lines()) == 3


def test_a_frozen_broker_stops_nothing(open_sink, broker, subscribe):
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port)
    publish(sink, 0)
    assert drained(sink)
    broker.freeze()
    publish(sink, *range(1, 300))
    assert sink.state.waiting == 299
    broker.thaw()
    wait_until(lambda: len(subscriber.payloads()) == 300)
    assert numbers(subscriber.payloads()) == list(range(300))


def test_a_frozen_broker_is_noticed_and_forgiven(open_sink, broker, subscribe):
    """Frozen for longer than twice the keepalive: the connection is given up and made anew."""
    sink = open_sink(broker.port, keepalive=1)
    publish(sink, 0)
    assert drained(sink)
    broker.freeze()
    publish(sink, 1, 2)
    time.sleep(4)
    broker.thaw()
    subscriber = subscribe(broker.port)
    publish(sink, 3)
    assert drained(sink)
    wait_until(lambda: numbers(subscriber.payloads())[-1:] == [3])


def test_the_oldest_arrays_are_dropped_and_counted_once_an_outage(
    open_sink, broker, make_proxy, subscribe, lines
):
    subscriber, network = subscribe(broker.port), make_proxy(broker.port)
    network.down()
    sink = open_sink(network.port, room=5)
    publish(sink, *range(12))
    wait_until(lambda: sink.state.dropped == 7)
    network.up()
    wait_until(lambda: len(subscriber.payloads()) == 5)
    assert drained(sink)
    assert numbers(subscriber.payloads()) == [7, 8, 9, 10, 11]
    wait_until(lambda: lines("dropped"))
    seen("the broker is away for longer than there is room", "\n".join(lines()))
    assert lines("dropped") == [
        f"127.0.0.1:{network.port}: dropped the 7 oldest arrays: the broker was away for too long"
    ]


def test_a_long_backlog_arrives_whole(open_sink, remembering_broker, make_proxy, subscribe):
    subscriber = subscribe(remembering_broker.port)
    network = make_proxy(remembering_broker.port)
    network.down()
    sink = open_sink(network.port)
    publish(sink, *range(1000))
    network.up()
    wait_until(lambda: len(subscriber.payloads()) == 1000)
    assert numbers(subscriber.payloads()) == list(range(1000))
    assert IN_FLIGHT <= 20


def test_a_recording_waits_when_a_few_dozen_of_its_arrays_do(open_sink, broker, make_proxy):
    """It is no use to have it in memory."""
    network = make_proxy(broker.port)
    network.down()
    sink = open_sink(network.port, waits=nullcontext())
    over = threading.Event()

    def play():
        for number in range(200):
            sink.publish(array(number))
        over.set()

    threading.Thread(target=play, daemon=True).start()
    wait_until(lambda: sink.state.waiting >= 50)
    time.sleep(0.5)
    assert sink.state.waiting == 50
    network.up()
    assert over.wait(LONGEST_WAIT_S)
    assert drained(sink)


def test_an_array_that_was_not_written_is_sent_later_with_qos_0_too(
    open_sink, broker, make_proxy, subscribe
):
    subscriber, network = subscribe(broker.port), make_proxy(broker.port)
    sink = open_sink(network.port, qos=0)
    publish(sink, 0)
    wait_until(lambda: numbers(subscriber.payloads()) == [0])
    network.down()
    wait_until(lambda: not sink.state.connected)
    publish(sink, 1, 2)
    assert sink.state.waiting == 2
    network.up()
    wait_until(lambda: numbers(subscriber.payloads()) == [0, 1, 2])
