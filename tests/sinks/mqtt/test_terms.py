"""With each broker the sink speaks what that broker takes: version, QoS, retained messages."""

from __future__ import annotations

import pytest
from paho.mqtt.publish import single

from eflexcan2mqtt.settings.schema import Mqtt
from eflexcan2mqtt.sinks.mqtt import search, terms
from eflexcan2mqtt.sinks.mqtt.connection import V5, V311, Connection
from eflexcan2mqtt.sinks.mqtt.happenings import (
    CLOSED,
    Accepted,
    Acknowledged,
    BrokerError,
    Received,
)
from eflexcan2mqtt.sinks.mqtt.terms import Negotiation, Terms
from tests.support.arrays import drained, numbers, publish
from tests.support.broker import LONGEST_WAIT_S, wait_until
from tests.support.faults import seen
from tests.support.scripted_broker import OldBroker

UNSUPPORTED = [bytes([0x20, 2, 0, 1]), bytes([0x20, 3, 0, 0x84, 0])]
"""CONNACK in the words of MQTT 3.1.1, and of MQTT 5."""

LARGE = 200_000


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """A pause between two attempts is short."""
    monkeypatch.setattr(search, "RECONNECT_S", (0.1, 0.5))


def versions(broker):
    """Those of the clients; mosquitto calls MQTT 3.1.1 p2, since 2.1 p4."""
    log = broker.log.read_text()
    counted = [
        line.partition("(p")[2][0] for line in log.splitlines() if "as eflexcan2mqtt" in line
    ]
    return ["5" if each == "5" else "3.1.1" for each in counted]


@pytest.mark.parametrize(("version", "spoken"), [("auto", "5"), ("5", "5"), ("3.1.1", "3.1.1")])
def test_the_version_is_the_one_of_the_settings(open_sink, broker, subscribe, version, spoken):
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port, version=version)
    publish(sink, *range(30))
    assert drained(sink)
    wait_until(lambda: numbers(subscriber.payloads()) == list(range(30)))
    assert versions(broker) == [spoken]


@pytest.mark.parametrize("answer", [b"", *UNSUPPORTED], ids=["closed", "refused", "refused by 5"])
def test_a_broker_without_mqtt_5_gets_3_1_1_at_once_and_is_remembered(
    open_sink, broker, make_proxy, subscribe, scripted, lines, caplog, answer
):
    """As NATS, which closes the connection."""
    subscriber, network = subscribe(broker.port), make_proxy(broker.port)
    old = scripted(OldBroker, network.port, answer)
    sink = open_sink(old.port)
    publish(sink, 1)
    wait_until(lambda: numbers(subscriber.payloads()) == [1])
    network.reset()  # no restart: what takes no connection for long is asked for MQTT 5 again
    publish(sink, 2)
    wait_until(lambda: sink.state.connections == 2 and drained(sink))
    # After a connection that was closed, once more: the broker could have been starting.
    asked = [5, 4] if answer else [5, 4, 5, 4]
    assert old.levels()[: len(asked)] == asked
    assert 5 not in old.levels()[len(asked) :]
    assert lines("MQTT") == [
        f"127.0.0.1:{old.port}: this broker does not accept MQTT 5; MQTT 3.1.1 is used"
    ]
    seen("the broker does not know MQTT 5", caplog.text)


def test_after_a_day_mqtt_5_is_tried_again(open_sink, broker, scripted, monkeypatch):
    monkeypatch.setattr(terms, "DAY_S", 0.0)
    old = scripted(OldBroker, broker.port)
    sink = open_sink(old.port)
    wait_until(lambda: sink.state.connected)
    broker.restart()
    wait_until(lambda: sink.state.connections == 2)
    assert 5 in old.levels()[4:]


def test_a_version_that_was_asked_for_is_the_only_one(open_sink, broker, scripted, lines):
    old = scripted(OldBroker, broker.port)
    open_sink(old.port, version="5")
    wait_until(lambda: len(old.levels()) > 2)
    assert set(old.levels()) == {5}
    [line] = lines("MQTT")
    assert "accepts the connection but does not speak MQTT 5; arrays are kept" in line


def test_a_broker_that_was_only_starting_gets_mqtt_5(open_sink, broker, scripted, lines):
    """Or the network before it was: it closes one connection, and accepts all others."""
    old = scripted(OldBroker, broker.port, b"", True)
    sink = open_sink(old.port)
    publish(sink, 1)
    assert drained(sink)
    assert old.levels() == [5, 4, 5]
    assert lines() == [f"127.0.0.1:{old.port}: connected"]


def test_a_network_that_closes_connections_does_not_change_the_version(
    open_sink, broker, make_proxy, monkeypatch
):
    """A broker that starts, or one behind a proxy, closes some without a word."""
    monkeypatch.setattr(search, "RECONNECT_S", (1.0, 1.0))  # three more would change it
    network = make_proxy(broker.port)
    sink = open_sink(network.port)
    wait_until(lambda: sink.state.connected)
    network.lifetime_s = 0.0
    wait_until(lambda: network.cuts == 3)
    network.lifetime_s = None
    wait_until(lambda: sink.state.connected)
    assert set(versions(broker)) == {"5"}


def test_an_older_broker_in_its_place_is_found_out_after_some_connections():
    negotiation = Negotiation(Mqtt())
    assert negotiation.accepted(Accepted(5)) == Terms(V5)
    closed = BrokerError(CLOSED, "closed without an answer")
    for _ in range(terms.CLOSINGS - 1):
        assert not negotiation.refused(closed)
        assert negotiation.offer() == Terms(V5)
    assert negotiation.refused(closed)
    assert negotiation.offer() == Terms(V311)


@pytest.mark.parametrize(("limit", "qos"), [(1, 1), (0, 0)])
def test_qos_2_falls_back_to_what_the_broker_has(
    open_sink, make_broker, subscribe, lines, caplog, limit, qos
):
    broker = make_broker("allow_anonymous true", f"max_qos {limit}").start()
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port)
    publish(sink, *range(30))
    assert drained(sink)
    wait_until(lambda: numbers(subscriber.payloads()) == list(range(30)))
    [line] = lines("QoS")
    assert f": this broker does not take QoS 2; arrays are sent with QoS {qos}" in line
    assert len(lines()) == 2
    if limit:
        seen("the broker has no QoS 2", caplog.text)


def test_with_3_1_1_qos_2_falls_back_once_it_has_ended_connections(
    open_sink, make_broker, subscribe, lines
):
    broker = make_broker("allow_anonymous true", "max_qos 1").start()
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port, version="3.1.1")
    publish(sink, *range(30))
    assert drained(sink)
    wait_until(lambda: numbers(subscriber.payloads()) == list(range(30)))
    [line] = lines("this broker does not take QoS 2; arrays are sent with QoS 1")
    assert sink.state.connections == 3
    [line] = lines("ends each connection")
    assert line.endswith(
        "ends each connection as soon as arrays are sent; is its max_packet_size below 445 bytes, "
        "or does it not take QoS 2, or does another client use client_id 'eflexcan2mqtt'?"
    )


@pytest.mark.parametrize("version", ["auto", "3.1.1"])
def test_a_broker_without_retained_messages_gets_the_status_without(
    open_sink, make_broker, subscribe, lines, caplog, version
):
    broker = make_broker("allow_anonymous true", "retain_available false").start()
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port, version=version)
    publish(sink, 1)
    assert drained(sink)
    sink.close()
    wait_until(lambda: subscriber.statuses() == [b"online", b"offline"])
    assert sink.state.connections == 1
    assert lines() == [
        f"127.0.0.1:{broker.port}: this broker keeps no retained messages; "
        "'eflexbatteries/status' is sent without retain",
        f"127.0.0.1:{broker.port}: connected",
    ]
    seen("the broker keeps no retained messages", caplog.text)


@pytest.mark.parametrize(("version", "limit"), [("auto", 10), ("auto", 1), ("3.1.1", 1)])
def test_a_broker_that_takes_few_messages_at_once_loses_none_of_a_drain(
    open_sink, make_broker, make_proxy, subscribe, version, limit
):
    """mosquitto drops what is above max_inflight_messages without a word to MQTT 3.1.1."""
    broker = make_broker(
        "allow_anonymous true", f"max_inflight_messages {limit}", "max_queued_messages 0"
    ).start()
    subscriber, network = subscribe(broker.port), make_proxy(broker.port)
    network.down()
    sink = open_sink(network.port, version=version)
    publish(sink, *range(357))
    network.up()
    assert drained(sink)
    wait_until(lambda: len(subscriber.payloads()) >= 357)
    assert numbers(subscriber.payloads()) == list(range(357))
    assert sink.state.connections == 1


def test_a_huge_retained_message_does_not_reach_us(broker):
    """One of 200 MB on Home Assistant's status topic took three times as much memory."""
    address = {"hostname": "127.0.0.1", "port": broker.port}
    topic = "homeassistant/status"
    single(topic, bytes(LARGE), qos=1, retain=True, **address)
    connection = Connection(Mqtt(**address), "us")
    connection.open()
    happened = [*connection.wait(LONGEST_WAIT_S)]  # CONNECT is written
    happened += connection.wait(LONGEST_WAIT_S)
    assert [type(each) for each in happened] == [Accepted]
    subscribed = Acknowledged(connection.subscribe(topic), None)
    wait_until(lambda: happened.extend(connection.wait(0.1)) or subscribed in happened)
    for _ in range(4):
        happened += connection.wait(0.1)
    single(topic, b"online", qos=1, **address)
    word = Received(topic, b"online")
    wait_until(lambda: happened.extend(connection.wait(0.1)) or word in happened)
    connection.close()
    assert [each for each in happened if isinstance(each, Received)] == [word]
