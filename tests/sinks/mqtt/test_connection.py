"""What is wrong with a broker is one line, in words that say what to do."""

from __future__ import annotations

import logging
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from eflexcan2mqtt.settings.schema import Mqtt
from tests.support.arrays import drained, numbers, publish
from tests.support.broker import LONGEST_WAIT_S, free_port, wait_until
from tests.support.certificates import make_certificate
from tests.support.faults import seen
from tests.support.program import STOP_S


@contextmanager
def listening():
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_wrong_password_is_one_line_without_the_password(
    open_sink, make_broker, tmp_path, lines, caplog
):
    caplog.set_level(logging.DEBUG)
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "solar", "rightsecret"], check=True)
    broker = make_broker("allow_anonymous false", f"password_file {passwords}").start()
    sink = open_sink(broker.port, username="solar", password="wrongsecret")
    wait_until(lambda: lines("refuses us"))
    time.sleep(3)
    publish(sink, 1)
    [line] = lines("127.0.0.1")
    assert line == (
        f"127.0.0.1:{broker.port}: the broker refuses us: Not authorized; "
        "arrays are kept until it is back"
    )
    seen("a wrong user name or password", line)
    right = open_sink(broker.port, username="solar", password="rightsecret", client_id="right")
    publish(right, 1)
    assert drained(right)
    assert "secret" not in caplog.text
    assert "secret" not in repr(Mqtt(username="solar", password="rightsecret"))


@contextmanager
def web_server():
    """A port that waits for the end of a line, which MQTT does not send."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("peer", [listening, web_server])
def test_a_broker_that_never_answers_is_one_line(open_sink, lines, peer):
    with peer() as port:
        sink = open_sink(port, keepalive=1)
        publish(sink, 1)
        wait_until(lines)
        time.sleep(4)
        publish(sink, 2)
        assert lines() == [
            f"127.0.0.1:{port}: accepts the connection but does not answer; "
            "check [mqtt] port, tls and transport; arrays are kept until it is back"
        ]
        begun = time.monotonic()
        sink.close()
        assert time.monotonic() - begun < STOP_S


def test_an_answer_that_is_no_mqtt_is_one_line(open_sink, lines):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LONGEST_WAIT_S)
        open_sink(server.getsockname()[1])
        for _ in range(4):
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                time.sleep(0.2)
        [line] = lines("127.0.0.1")  # before the port is closed
    assert "accepts the connection but does not speak MQTT; " in line


def test_a_name_that_nobody_knows_is_one_line(open_sink, lines):
    sink = open_sink(1883, hostname="no-such-host.invalid")
    publish(sink, 1)
    wait_until(lines)
    time.sleep(3)
    [line] = lines()
    assert line.startswith("no-such-host.invalid:1883: cannot find this host (")
    seen("the broker's name is not known", line)


@pytest.fixture
def tls_broker(make_broker, tmp_path):
    """A broker with a certificate of a private CA for a host; and that CA."""
    authority = make_certificate(tmp_path, "authority")

    def make(host, *settings):
        key, cert = make_certificate(tmp_path, "broker", host, authority)
        config = [f"certfile {cert}", f"keyfile {key}", "allow_anonymous true", *settings]
        return make_broker(*config).start(), authority

    return make


def test_tls_with_a_private_authority(open_sink, tls_broker, lines):
    broker, (_, ca) = tls_broker("IP:127.0.0.1")
    sink = open_sink(broker.port, tls=True, tls_ca=str(ca))
    publish(sink, *range(300))
    assert drained(sink)
    assert lines() == [f"127.0.0.1:{broker.port}: connected"]


@pytest.mark.parametrize("secure", [False, True])
def test_websockets(open_sink, make_broker, subscribe, tmp_path, lines, secure):
    port = free_port()
    listener = [f"listener {port}", "protocol websockets", "socket_domain ipv4"]
    tls = {}
    if secure:
        key, cert = authority = make_certificate(tmp_path, "authority")
        tls = {"tls": True, "tls_ca": str(cert)}
        key, cert = make_certificate(tmp_path, "broker", "IP:127.0.0.1", authority)
        listener += [f"certfile {cert}", f"keyfile {key}"]
    broker = make_broker("allow_anonymous true", *listener).start()
    subscriber = subscribe(broker.port)
    sink = open_sink(port, transport="websockets", **tls)
    publish(sink, *range(100), size=3000)
    assert drained(sink)
    wait_until(lambda: len(subscriber.payloads()) == 100)
    assert numbers(subscriber.payloads()) == list(range(100))
    assert lines() == [f"127.0.0.1:{port}: connected"]


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nSec-WebSocket-Accept:x\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: \xff\r\n\r\n",
    ],
)
def test_a_web_server_without_a_broker_is_one_line(open_sink, lines, answer):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LONGEST_WAIT_S)
        open_sink(server.getsockname()[1], transport="websockets", path="/elsewhere")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1000).startswith(b"GET /elsewhere HTTP/1.1\r\n")
            connection.sendall(answer)
            wait_until(lines)
            [line] = lines()  # while it listens: else a refused connection is another one
    seen("a web server, or a wrong path, instead of a broker on websockets", line)


def test_tls_does_not_trust_an_unknown_authority(open_sink, tls_broker, tmp_path, lines):
    broker, _ = tls_broker("IP:127.0.0.1")
    _, other = make_certificate(tmp_path, "other")
    sink = open_sink(broker.port, tls=True, tls_ca=str(other))
    publish(sink, 1)
    wait_until(lines)
    time.sleep(2)
    [line] = lines()
    assert line.startswith(f"127.0.0.1:{broker.port}: no secure connection: ")
    seen("the broker's certificate is not trusted", line)
    assert sink.state.waiting == 1


def test_tls_checks_the_host_name_unless_told_not_to(open_sink, tls_broker, lines):
    broker, (_, ca) = tls_broker("DNS:elsewhere.example")
    strict = open_sink(broker.port, tls=True, tls_ca=str(ca))
    publish(strict, 1)
    wait_until(lambda: lines("no secure connection: IP address mismatch"))
    assert strict.state.waiting == 1
    lax = open_sink(broker.port, tls=True, tls_ca=str(ca), tls_insecure=True, client_id="lax")
    publish(lax, 1)
    assert drained(lax)


def test_tls_shows_our_certificate_where_the_broker_asks(open_sink, tls_broker, tmp_path):
    ca = tmp_path / "authority.crt"
    broker, authority = tls_broker("IP:127.0.0.1", f"cafile {ca}", "require_certificate true")
    key, cert = make_certificate(tmp_path, "us", "DNS:us", authority)
    sink = open_sink(broker.port, tls=True, tls_ca=str(ca), tls_cert=str(cert), tls_key=str(key))
    publish(sink, 1)
    assert drained(sink)


def test_speaking_plainly_to_a_tls_port_is_one_line(open_sink, tls_broker, lines):
    broker, _ = tls_broker("IP:127.0.0.1")
    open_sink(broker.port)
    wait_until(lines)
    time.sleep(2)
    [line] = lines()
    assert "does not speak MQTT" in line
