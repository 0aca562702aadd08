"""Of several brokers the first that works is used; what is lost on the way is nothing."""

from __future__ import annotations

import logging
import socket
import threading
import time

import pytest

from eflexcan2mqtt.sinks.mqtt import outage
from eflexcan2mqtt.sinks.mqtt.caution import IN_FLIGHT
from eflexcan2mqtt.sinks.mqtt.happenings import LOST, BrokerError
from tests.support.arrays import drained, numbers, publish
from tests.support.broker import LONGEST_WAIT_S, REMEMBERING, free_port, wait_until
from tests.support.certificates import make_certificate
from tests.support.faults import seen
from tests.support.proxy import ACKNOWLEDGEMENTS
from tests.support.scripted_broker import (
    ACCEPTED,
    CONNECT,
    ScriptedBroker,
    obliging,
)

from .listed import KEPT, at, hold


def settled(said, *ports):
    """The log without the seconds."""
    return [
        " ".join("0" if each.isdigit() else each for each in line.split()) for line in said(*ports)
    ]


@pytest.mark.usefixtures("hurried")
def test_the_first_that_works_is_used_and_kept_and_the_next_search_begins_with_the_first(
    open_sink, make_broker, subscribe, said
):
    a, b, c = make_broker(), make_broker().start(), make_broker().start()
    ports = a.port, b.port, c.port
    on_b, on_c = subscribe(b.port), subscribe(c.port)
    sink = open_sink(**at(*ports))
    publish(sink, *range(10))
    assert drained(sink)
    refused = f"A: Connection refused; {KEPT}"
    assert said(*ports) == [refused, "B: connected"]
    assert sink.health()["connected_to"] == f"127.0.0.1:{b.port}"
    a.start()
    on_a = subscribe(a.port)
    hold()
    publish(sink, *range(10, 20))
    assert drained(sink)
    wait_until(lambda: numbers(on_b.payloads()) == list(range(20)))
    b.kill()
    publish(sink, *range(20, 30))
    assert drained(sink)
    wait_until(lambda: numbers(on_a.payloads()) == list(range(20, 30)))
    assert settled(said, *ports)[2:] == [
        f"B: the connection is lost; {KEPT}",
        "A: connected after 0 s, instead of B",
    ]
    assert sink.health()["connected_to"] == f"127.0.0.1:{a.port}"
    hold()
    a.kill()
    publish(sink, *range(30, 40))
    assert drained(sink)
    wait_until(lambda: numbers(on_c.payloads()) == list(range(30, 40)))
    assert settled(said, *ports)[4:] == [
        f"A: the connection is lost; {KEPT}",
        f"B: Connection refused; {KEPT}",
        "C: connected after 0 s, instead of A",
    ]
    seen("another broker of the list is used", "\n".join(said()))
    assert on_c.statuses() == [b"online"]
    sink.close()
    wait_until(lambda: on_c.statuses() == [b"online", b"offline"])


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("fault", ["network", "broker"])
def test_through_changes_under_load_each_array_arrives_once_and_in_order(
    open_sink, make_broker, make_proxy, subscribe, tmp_path, fault
):
    """What was in flight at a change may be on two brokers: nothing else may."""
    brokers = []
    for name in "ABC":
        (tmp_path / name).mkdir()
        settings = (*REMEMBERING, f"persistence_location {tmp_path / name}/")
        brokers.append(make_broker(*settings).start())
    networks = [make_proxy(each.port) for each in brokers]
    readers = [subscribe(each.port, session="reader") for each in brokers]
    sink = open_sink(**at(*(each.port for each in networks)), spool=tmp_path / "spool")
    published = 0

    def send(count):
        nonlocal published
        for _ in range(count):
            publish(sink, published)
            published += 1
            time.sleep(0.005)

    def fail(number):
        if fault == "network":
            networks[number].down()
        else:
            brokers[number].stop()

    def work(number):
        if fault == "network":
            networks[number].up()
        else:
            brokers[number].start()

    wait_until(lambda: sink.state.connected)
    rounds = 2
    for _ in range(rounds):
        for number in (0, 1):
            send(300)  # more than a second: the connection counts
            fail(number)
            send(50)
        work(0)
        work(1)
        send(300)
        fail(2)
        send(20)
        work(2)
    assert drained(sink)
    for each in readers:
        each.catch_up()
    found = [numbers(each.payloads()) for each in readers]
    assert all(len(each) > 100 for each in found)
    first = [list(dict.fromkeys(each)) for each in found]
    assert first == [sorted(each) for each in first]
    assert sorted({one for each in found for one in each}) == list(range(published))
    # A broker that starts again also gives its reader some twice.
    counted = found if fault == "network" else first
    assert sum(map(len, counted)) <= published + 3 * rounds * IN_FLIGHT


@pytest.mark.usefixtures("hurried")
def test_a_change_without_anything_in_flight_doubles_nothing(
    open_sink, make_broker, subscribe, tmp_path
):
    a, b = make_broker().start(), make_broker().start()
    readers = [subscribe(each.port) for each in (a, b)]
    sink = open_sink(**at(a.port, b.port), spool=tmp_path / "spool")
    publish(sink, *range(100))
    assert drained(sink)
    hold()
    a.stop()
    publish(sink, *range(100, 300))
    assert drained(sink)
    wait_until(lambda: numbers(readers[1].payloads())[-1:] == [299])
    assert [numbers(each.payloads()) for each in readers] == [
        list(range(100)),
        list(range(100, 300)),
    ]


@pytest.mark.usefixtures("hurried")
def test_a_frozen_broker_is_left_and_says_offline_when_it_wakes_up(
    open_sink, make_broker, subscribe, said
):
    a, b = make_broker().start(), make_broker().start()
    ports = a.port, b.port
    on_a, on_b = subscribe(a.port), subscribe(b.port)
    sink = open_sink(**at(*ports), keepalive=3)
    publish(sink, 1)
    assert drained(sink)
    hold()
    a.freeze()
    publish(sink, 2)
    assert drained(sink)
    wait_until(lambda: numbers(on_b.payloads()) == [2])
    assert settled(said, *ports)[1:] in [
        [
            f"A: {lost}; {KEPT}",
            "A: accepts the connection but does not answer; check [mqtt] port, tls and transport; "
            + KEPT,
            "B: connected after 0 s, instead of A",
        ]
        for lost in (
            "the connection is lost (no answer for 0 s)",
            "has acknowledged nothing for 0 s; connecting again",
        )
    ]
    a.thaw()
    wait_until(lambda: on_a.statuses()[-1] == b"offline")
    assert on_b.statuses() == [b"online"]
    assert sink.state.connected


@pytest.mark.usefixtures("hurried")
def test_a_broker_that_refuses_us_does_not_stop_the_search(
    open_sink, make_broker, subscribe, said, tmp_path
):
    strict, b = make_broker("allow_anonymous false"), make_broker()
    strict.start()
    ports = strict.port, b.port
    sink = open_sink(**at(*ports))
    publish(sink, 1)
    wait_until(lambda: len(said()) == 2)
    assert said(*ports) == [
        f"A: the broker refuses us: Not authorized; {KEPT}",
        f"B: Connection refused; {KEPT}",
    ]
    b.start()
    assert drained(sink)
    assert said(*ports)[2:] == ["B: connected"]


@pytest.mark.usefixtures("hurried")
def test_a_broker_that_never_answers_is_passed_long_before_the_keepalive(
    open_sink, broker, scripted, said
):
    mute = scripted(ScriptedBroker, lambda _: b"")
    sink = open_sink(**at(mute.port, broker.port), keepalive=3600)
    publish(sink, 1)
    assert drained(sink)
    assert said(mute.port, broker.port) == [
        "A: accepts the connection but does not answer; check [mqtt] port, tls and transport; "
        + KEPT,
        "B: connected",
    ]


@pytest.mark.usefixtures("hurried")
def test_where_all_refuse_each_says_so_once(open_sink, make_broker, said):
    ports = [make_broker("allow_anonymous false").start().port for _ in range(2)]
    sink = open_sink(**at(*ports))
    wait_until(lambda: len(said()) == 2)
    time.sleep(2)
    assert said(*ports) == [
        f"{name}: the broker refuses us: Not authorized; {KEPT}" for name in "AB"
    ]
    assert not sink.state.connected


@pytest.mark.usefixtures("hurried")
def test_a_broker_without_tls_or_with_another_certificate_is_passed(
    open_sink, make_broker, said, tmp_path
):
    def with_certificate(name, host):
        key, cert = make_certificate(tmp_path, name, host, authority)
        settings = (f"certfile {cert}", f"keyfile {key}", "allow_anonymous true")
        return make_broker(*settings).start()

    authority = make_certificate(tmp_path, "authority")
    plain = make_broker().start()
    wrong = with_certificate("wrong", "DNS:other.example")
    right = with_certificate("right", "IP:127.0.0.1")
    ports = plain.port, wrong.port, right.port
    sink = open_sink(**at(*ports), tls=True, tls_ca=str(authority[1]))
    publish(sink, 1)
    assert drained(sink)
    first, second, third = said(*ports)
    assert first == (
        "A: no secure connection: this port does not speak TLS; "
        f"check [mqtt] port, tls and transport; {KEPT}"
    )
    assert second.startswith("B: no secure connection: IP address mismatch")
    assert third == "C: connected"


@pytest.fixture
def hanging(monkeypatch):
    """A name that resolves to 127.0.0.1 only once it is released."""
    released, resolve = threading.Event(), socket.getaddrinfo

    def getaddrinfo(host, *arguments, **more):
        if host == "hangs.example":
            assert released.wait(LONGEST_WAIT_S)
            host = "127.0.0.1"
        return resolve(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield released
    released.set()


@pytest.mark.usefixtures("hurried")
def test_a_name_lookup_that_hangs_does_not_hold_up_the_others(
    open_sink, make_broker, subscribe, said, hanging
):
    a, b = make_broker().start(), make_broker()
    on_a = subscribe(a.port)
    sink = open_sink(b.port, hostname=f"hangs.example:{a.port}, 127.0.0.1")
    publish(sink, 1)
    wait_until(lambda: len(said()) == 2)
    assert said(0, b.port) == [
        f"hangs.example:{a.port}: no connection within 10 s; {KEPT}",
        f"B: Connection refused; {KEPT}",
    ]
    time.sleep(1)  # rounds without the one that hangs
    b.start()
    assert drained(sink)
    assert said(0, b.port)[2:] == ["B: connected"]
    seen("a name lookup hangs", said()[0])
    hanging.set()
    # It connects, and is not needed.
    wait_until(lambda: not [each for each in threading.enumerate() if each.name == "connecting"])
    time.sleep(0.5)
    assert sink.state.connected
    assert b"online" not in on_a.statuses()


@pytest.mark.usefixtures("hurried")
def test_a_connection_that_comes_late_is_used_where_there_is_none(
    open_sink, make_broker, said, hanging
):
    a, b = make_broker().start(), free_port()
    sink = open_sink(b, hostname=f"hangs.example:{a.port}, 127.0.0.1")
    publish(sink, 1)
    wait_until(lambda: len(said()) == 2)
    hanging.set()
    assert drained(sink)
    assert said()[2:] == [f"hangs.example:{a.port}: connected"]


@pytest.mark.usefixtures("hurried")
def test_one_broker_alone_is_waited_for(open_sink, broker, said, hanging):
    """However long its lookup takes, and without work for the processor."""
    sink = open_sink(broker.port, hostname="hangs.example")
    time.sleep(3.5)
    begun = time.process_time()
    time.sleep(1)
    assert time.process_time() - begun < 0.5
    assert said() == []
    hanging.set()
    publish(sink, 1)
    assert drained(sink)
    assert said() == [f"hangs.example:{broker.port}: connected"]


@pytest.mark.usefixtures("hurried")
def test_a_name_that_fails_late_has_been_reported(open_sink, broker, said, monkeypatch):
    released, resolve = threading.Event(), socket.getaddrinfo

    def getaddrinfo(host, *arguments, **more):
        if host == "fails.example":
            assert released.wait(LONGEST_WAIT_S)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return resolve(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    sink = open_sink(broker.port, hostname="fails.example:1, 127.0.0.1")
    publish(sink, 1)
    assert drained(sink)
    released.set()
    time.sleep(0.5)
    assert said(0, broker.port) == [
        f"fails.example:1: no connection within 10 s; {KEPT}",
        "B: connected",
    ]


@pytest.mark.usefixtures("hurried")
def test_a_broker_that_ends_each_connection_is_passed(open_sink, broker, scripted, said):
    """Such as one that another client with our id uses."""

    def answer(packet):
        if packet.kind != CONNECT:
            raise ConnectionAbortedError
        return ACCEPTED

    ending = scripted(ScriptedBroker, answer)
    sink = open_sink(**at(ending.port, broker.port))
    publish(sink, 1)
    assert drained(sink)
    assert said(ending.port, broker.port) == ["B: connected"]


@pytest.mark.usefixtures("hurried")
def test_brokers_that_all_end_each_connection_are_not_logged_for_ever(
    open_sink, scripted, said, monkeypatch
):
    def ending(packet):
        if packet.qos == 2:
            raise ConnectionAbortedError
        return obliging(packet)

    monkeypatch.setattr(outage, "SHORT_S", 10.0)  # also on a busy machine none of them holds
    brokers = [scripted(ScriptedBroker, ending) for _ in "AB"]
    ports = [each.port for each in brokers]
    sink = open_sink(**at(*ports))
    publish(sink, 1)
    wait_until(lambda: sink.state.connections >= 12)
    found = settled(said, *ports)
    ends = "ends each connection as soon as arrays are sent; is its max_packet_size below 0 bytes"
    assert found[:3] == [
        "A: connected",
        "B: connected after 0 s, instead of A",
        "A: connected after 0 s, instead of B",
    ]
    assert [each.partition(",")[0] for each in found[3:]] == [
        f"A: {ends}",
        "B: connected after 0 s",
        f"B: {ends}",
    ]
    monkeypatch.setattr(outage, "SHORT_S", 1.0)
    for each in brokers:
        each.answer = obliging
    assert drained(sink)
    wait_until(lambda: [each for each in said() if each.endswith(": the connection holds again")])


@pytest.mark.usefixtures("hurried")
def test_a_broker_that_acknowledges_nothing_is_left(
    open_sink, make_broker, make_proxy, subscribe, said
):
    """As a node of a cluster that is cut off from the others: it answers, and can do nothing."""
    a, b = make_broker().start(), make_broker().start()
    network = make_proxy(a.port)
    ports = network.port, b.port
    on_b = subscribe(b.port)
    sink = open_sink(**at(*ports), keepalive=3)
    publish(sink, 1)
    assert drained(sink)
    hold()
    network.swallowed = ACKNOWLEDGEMENTS
    publish(sink, 2)
    assert drained(sink)
    wait_until(lambda: numbers(on_b.payloads()) == [2])
    assert settled(said, *ports)[1:] == [
        f"A: has acknowledged nothing for 0 s; connecting again; {KEPT}",
        "B: connected after 0 s, instead of A",
    ]


def test_a_recording_waits_for_the_list(open_sink, broker, subscribe):
    """Without a spool, and for the first that answers."""
    subscriber = subscribe(broker.port)
    sink = open_sink(**at(free_port(), broker.port))
    publish(sink, *range(200))
    assert drained(sink)
    wait_until(lambda: numbers(subscriber.payloads()) == list(range(200)))


def test_more_than_there_is_room_for_is_reported_of_all(open_sink, said):
    ports = free_port(), free_port()
    sink = open_sink(**at(*ports), room=5)
    publish(sink, *range(20))
    wait_until(lambda: sink.state.dropped == 15)
    sink.close()
    assert [each for each in said(*ports) if each.startswith("A, B: ")] == [
        "A, B: no room for more arrays: the oldest are lost until one of them is back",
        "A, B: dropped the 15 oldest arrays: all brokers were away for too long",
    ]


def test_once_another_broker_holds_what_was_logged_is_logged_again(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    common = outage.Outage()
    a, b = (outage.OutageLog(name, "me", common, alone=False) for name in ("a:1", "b:1"))
    lost = BrokerError(LOST, "the connection is lost")
    ends = (
        "a:1: ends each connection as soon as it is made; does another client use client_id 'me'?"
    )

    def flap():
        for _ in range(2):
            a.up()
            a.lost(lost)

    flap()
    assert caplog.messages == ["a:1: connected", ends]
    flap()
    b.up()
    b.check()
    assert caplog.messages[2:] == ["b:1: connected after 0 s, instead of a:1"]
    monkeypatch.setattr(outage, "SHORT_S", 0.0)
    b.check()
    b.lost(lost)
    monkeypatch.setattr(outage, "SHORT_S", 10.0)
    flap()
    assert caplog.messages[3:] == [
        f"b:1: the connection is lost; {KEPT}",
        "a:1: connected after 0 s, instead of b:1",
        ends,
    ]
