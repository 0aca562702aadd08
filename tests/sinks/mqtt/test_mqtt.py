"""Arrays reach a real mosquitto, whatever it goes through."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from eflexcan2mqtt.settings.schema import Mqtt
from eflexcan2mqtt.sinks.mqtt import link
from eflexcan2mqtt.sinks.mqtt.sink import IN_FLIGHT, MqttSink
from tests.support.bank import EXAMPLE
from tests.support.broker import free_port, wait_until
from tests.support.certificates import make_certificate

CONTRACT_S = 0.5
"""No call of publish takes longer: far more than one needs, far less than a time-out."""


@pytest.fixture
def open_sink(caplog):
    """Started sinks by their settings, closed with the test."""
    caplog.set_level(logging.INFO)
    made = []

    def make(port, waiting=1000, spool=None, **settings):
        config = Mqtt(hostname="127.0.0.1", port=port, **settings)
        made.append(MqttSink(config, spool, waiting))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.close(0.5)


def array(number):
    """An array of one cycle, told apart by its number."""
    return [{**EXAMPLE[0], "time": number}]


def numbers(payloads):
    return [json.loads(payload)[0]["time"] for payload in payloads]


def publish(sink, *arrays):
    for number in arrays:
        begun = time.monotonic()
        sink.publish(array(number))
        assert time.monotonic() - begun < CONTRACT_S


@contextmanager
def listening():
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def lines_of(caplog, word):
    return [message for message in caplog.messages if word in message]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_arrays_arrive_byte_for_byte_in_their_order(open_sink, broker, subscribe, qos):
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port, qos=qos)
    wait_until(lambda: subscriber.statuses() == [b"online"])
    publish(sink, *range(100))
    wait_until(lambda: len(subscriber.payloads()) == 100)
    assert subscriber.payloads() == [json.dumps(array(n)).encode() for n in range(100)]


def test_the_status_is_retained_and_the_data_are_not(open_sink, broker, subscribe):
    sink = open_sink(broker.port)
    publish(sink, 1)
    assert sink.drain(10) == 0
    late = subscribe(broker.port)
    wait_until(late.statuses)
    assert late.messages == [("eflexbatteries/status", b"online", True)]
    sink.close(2)
    wait_until(lambda: late.statuses() == [b"online", b"offline"])


def test_a_stop_just_after_the_connection_says_offline(open_sink, broker, subscribe, caplog):
    """Before the broker has acknowledged that we are online."""
    for number in range(5):
        sink = open_sink(broker.port)
        wait_until(lambda number=number: len(lines_of(caplog, "connected")) > number)
        sink.close(2)
        late = subscribe(broker.port)
        wait_until(late.statuses)
        assert late.statuses() == [b"offline"]


def test_a_stop_that_the_broker_does_not_hear_leaves_the_last_will(open_sink, broker, subscribe):
    sink = open_sink(broker.port)
    publish(sink, 1)
    assert sink.drain(10) == 0
    broker.freeze()
    begun = time.monotonic()
    sink.close(1.5)
    assert time.monotonic() - begun < 2
    broker.thaw()
    late = subscribe(broker.port)
    wait_until(late.statuses)
    wait_until(lambda: late.statuses()[-1] == b"offline")


def test_a_broker_that_never_acknowledges_costs_no_memory(open_sink):
    """It accepts us and drops us, again and again: `online` waits once, not once a time."""
    received = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        sink = open_sink(server.getsockname()[1])
        for _ in range(4):
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(bytes([0x20, 2, 0, 0]))  # CONNACK
                time.sleep(0.3)
                received.append(connection.recv(10_000).count(b"online"))
        assert received == [1, 1, 1, 1]
        sink.close(0.1)


def test_it_starts_without_a_broker_and_says_so_once(open_sink, make_broker, subscribe, caplog):
    port = free_port()
    sink = open_sink(port)
    publish(sink, 1, 2)
    wait_until(lambda: caplog.messages)
    time.sleep(3.5)  # the second and third attempts fail as well
    publish(sink, 3)
    assert caplog.messages == [
        f"127.0.0.1:{port}: Connection refused; arrays are kept until it is back"
    ]
    subscriber = subscribe(make_broker(port=port).start().port)
    wait_until(lambda: numbers(subscriber.payloads()) == [1, 2, 3])
    assert len(lines_of(caplog, ": back after ")) == 1
    assert len(caplog.messages) == 2


@pytest.mark.parametrize("qos", [1, 2])
def test_a_killed_broker_costs_no_array(open_sink, broker, subscribe, caplog, qos, monkeypatch):
    """All arrays of the outage arrive, once and in order; gone and back are said once."""
    monkeypatch.setattr(link, "SHORT_S", 0.0)
    sink = open_sink(broker.port, qos=qos)
    publish(sink, 0)
    assert sink.drain(10) == 0
    broker.kill()
    publish(sink, *range(1, 60))
    time.sleep(1.5)
    publish(sink, *range(60, 100))
    broker.start()
    # Its own reconnect takes a second or two: time to be there before the arrays are.
    subscriber = subscribe(broker.port)
    wait_until(lambda: len(subscriber.payloads()) >= 99)
    assert sink.drain(10) == 0
    assert numbers(subscriber.payloads()) == list(range(1, 100))
    wait_until(lambda: subscriber.statuses() == [b"online"])
    assert len(lines_of(caplog, "the connection is lost")) == 1
    assert len(lines_of(caplog, ": back after ")) == 1
    assert len(caplog.messages) == 3


def test_a_frozen_broker_stops_nothing(open_sink, broker, subscribe):
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port)
    publish(sink, 0)
    assert sink.drain(10) == 0
    broker.freeze()
    publish(sink, *range(1, 300))
    assert sink.undelivered() == 299
    broker.thaw()
    wait_until(lambda: len(subscriber.payloads()) == 300)
    assert numbers(subscriber.payloads()) == list(range(300))


def test_a_frozen_broker_is_noticed_and_forgiven(open_sink, broker, subscribe):
    """Frozen for longer than twice the keepalive: the connection is given up and made anew."""
    sink = open_sink(broker.port, keepalive=1)
    publish(sink, 0)
    assert sink.drain(10) == 0
    broker.freeze()
    publish(sink, 1, 2)
    time.sleep(4)
    broker.thaw()
    subscriber = subscribe(broker.port)
    publish(sink, 3)
    assert sink.drain(15) == 0
    wait_until(lambda: numbers(subscriber.payloads())[-1:] == [3])


def test_the_oldest_arrays_give_way_and_are_counted_once_an_outage(
    open_sink, make_broker, subscribe, caplog
):
    port = free_port()
    sink = open_sink(port, waiting=5)
    publish(sink, *range(12))
    subscriber = subscribe(make_broker(port=port).start().port)
    wait_until(lambda: len(subscriber.payloads()) == 5)
    assert sink.drain(5) == 0
    assert numbers(subscriber.payloads()) == [7, 8, 9, 10, 11]
    assert lines_of(caplog, "dropped") == [
        f"127.0.0.1:{port}: dropped 7 arrays, the oldest, that the broker did not take in time"
    ]


def test_a_long_backlog_arrives_whole(open_sink, make_broker, subscribe):
    port = free_port()
    sink = open_sink(port)
    publish(sink, *range(1000))
    broker = make_broker("allow_anonymous true", "max_queued_messages 0", port=port).start()
    subscriber = subscribe(broker.port)
    wait_until(lambda: len(subscriber.payloads()) == 1000)
    assert numbers(subscriber.payloads()) == list(range(1000))
    assert IN_FLIGHT <= 20


def test_a_log_waits_when_a_few_dozen_of_its_arrays_do(open_sink, make_broker):
    """It is no use to have it in memory."""
    port = free_port()
    sink = open_sink(port)
    over = threading.Event()

    def play():
        for number in range(200):
            sink.wait_for_room()
            sink.publish(array(number))
        over.set()

    threading.Thread(target=play, daemon=True).start()
    wait_until(lambda: sink.undelivered() >= 50)
    time.sleep(0.5)
    assert sink.undelivered() == 50
    make_broker("allow_anonymous true", "max_queued_messages 0", port=port).start()
    assert over.wait(20)
    assert sink.drain(5) == 0


def test_a_wrong_password_is_one_line_without_the_password(
    open_sink, make_broker, tmp_path, caplog
):
    caplog.set_level(logging.DEBUG)
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "solar", "rightsecret"], check=True)
    broker = make_broker("allow_anonymous false", f"password_file {passwords}").start()
    sink = open_sink(broker.port, username="solar", password="wrongsecret")
    wait_until(lambda: caplog.messages)
    time.sleep(3)
    publish(sink, 1)
    [line] = lines_of(caplog, "127.0.0.1")
    assert line == (
        f"127.0.0.1:{broker.port}: the broker refuses us: Not authorized; "
        "arrays are kept until it is back"
    )
    right = open_sink(broker.port, username="solar", password="rightsecret", client_id="right")
    publish(right, 1)
    assert right.drain(10) == 0
    assert "secret" not in caplog.text
    assert "secret" not in repr(right._config)


def test_a_broker_that_never_answers_is_one_line(open_sink, caplog):
    with listening() as port:
        sink = open_sink(port, keepalive=1)
        publish(sink, 1)
        wait_until(lambda: caplog.messages)
        time.sleep(4)
        publish(sink, 2)
        [line] = caplog.messages
        assert line.startswith(f"127.0.0.1:{port}: takes the connection, but does not speak MQTT")
        begun = time.monotonic()
        sink.close(1.5)
        assert time.monotonic() - begun < 2


def test_a_name_that_nobody_knows_is_one_line(caplog):
    caplog.set_level(logging.INFO)
    sink = MqttSink(Mqtt(hostname="no-such-host.invalid"))
    sink.start()
    publish(sink, 1)
    wait_until(lambda: caplog.messages)
    time.sleep(3)
    [line] = caplog.messages
    assert line.startswith("no-such-host.invalid:1883: cannot find this host (")
    sink.close(0.1)


def test_a_client_id_in_use_twice_is_one_line_and_both_live_on(open_sink, broker, caplog):
    first, second = open_sink(broker.port), open_sink(broker.port)
    wait_until(lambda: lines_of(caplog, "client_id"))
    time.sleep(3)
    told = [each for each in caplog.messages if "connected" not in each]
    assert len(told) <= 2  # one for each of the two
    for line in told:
        assert line == (
            f"127.0.0.1:{broker.port}: ends each connection as soon as it is made; "
            "does another client use client_id 'eflexcan2mqtt'?"
        )
    publish(first, 1)
    publish(second, 1)
    first.close(1)
    assert second.drain(15) == 0


@pytest.fixture
def tls_broker(make_broker, tmp_path):
    """A broker with a certificate of a private CA for a host; and that CA."""
    authority = make_certificate(tmp_path, "authority")

    def make(host, *settings):
        key, cert = make_certificate(tmp_path, "broker", host, authority)
        lines = [f"certfile {cert}", f"keyfile {key}", "allow_anonymous true", *settings]
        return make_broker(*lines).start(), authority

    return make


def test_tls_with_a_private_authority(open_sink, tls_broker, caplog):
    broker, (_, ca) = tls_broker("IP:127.0.0.1")
    sink = open_sink(broker.port, tls=True, tls_ca=str(ca))
    publish(sink, 1)
    assert sink.drain(10) == 0
    assert caplog.messages == [f"127.0.0.1:{broker.port}: connected"]


def test_tls_does_not_trust_an_unknown_authority(open_sink, tls_broker, tmp_path, caplog):
    broker, _ = tls_broker("IP:127.0.0.1")
    _, other = make_certificate(tmp_path, "other")
    sink = open_sink(broker.port, tls=True, tls_ca=str(other))
    publish(sink, 1)
    wait_until(lambda: caplog.messages)
    time.sleep(2)
    [line] = caplog.messages
    assert line.startswith(f"127.0.0.1:{broker.port}: no secure connection: ")
    assert sink.undelivered() == 1


def test_tls_checks_the_host_name_unless_told_not_to(open_sink, tls_broker, caplog):
    broker, (_, ca) = tls_broker("DNS:elsewhere.example")
    strict = open_sink(broker.port, tls=True, tls_ca=str(ca))
    publish(strict, 1)
    wait_until(lambda: lines_of(caplog, "no secure connection: IP address mismatch"))
    assert strict.undelivered() == 1
    lax = open_sink(broker.port, tls=True, tls_ca=str(ca), tls_insecure=True, client_id="lax")
    publish(lax, 1)
    assert lax.drain(10) == 0


def test_tls_shows_our_certificate_where_the_broker_asks(open_sink, tls_broker, tmp_path, caplog):
    ca = tmp_path / "authority.crt"
    broker, authority = tls_broker("IP:127.0.0.1", f"cafile {ca}", "require_certificate true")
    key, cert = make_certificate(tmp_path, "us", "DNS:us", authority)
    sink = open_sink(broker.port, tls=True, tls_ca=str(ca), tls_cert=str(cert), tls_key=str(key))
    publish(sink, 1)
    assert sink.drain(10) == 0


def test_speaking_plainly_to_a_tls_port_is_one_line(open_sink, tls_broker, caplog):
    broker, _ = tls_broker("IP:127.0.0.1")
    open_sink(broker.port)
    wait_until(lambda: caplog.messages)
    time.sleep(2)
    [line] = caplog.messages
    assert "does not speak MQTT" in line


def test_a_message_that_paho_would_not_take_is_sent_later(open_sink, make_broker, subscribe):
    """With QoS 0 and the broker just gone, paho takes nothing; the array waits with us."""
    broker = make_broker().start()
    sink = open_sink(broker.port, qos=0)
    publish(sink, 0)
    assert sink.drain(10) == 0
    broker.kill()
    wait_until(lambda: not sink._ready)
    publish(sink, 1, 2)
    assert sink.undelivered() == 2
    subscriber = subscribe(broker.start().port)
    wait_until(lambda: numbers(subscriber.payloads()) == [1, 2])
