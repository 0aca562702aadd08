"""What `check` says of a broker is what happens to the daemon's messages there."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.broker import free_port, wait_until
from tests.support.certificates import make_certificate
from tests.support.faults import seen
from tests.support.program import STOP_S, mqtt_ini, stop

ANYBODY = "allow_anonymous true"
LIMIT_S = 40.0
"""For the program and its check, on a busy machine."""

versions = pytest.mark.parametrize("version", ["auto", "3.1.1"])


@pytest.fixture
def check(run, tmp_path):
    """Checks the broker at a port; what it said of it, and its exit status."""

    def check(port, more="", **settings):
        ini = mqtt_ini(tmp_path, port, **settings)
        ini.write_text(ini.read_text() + more)
        ini.chmod(0o600)
        begun = time.monotonic()
        done = run("check", "-c", ini, "--input", "simulator")
        assert time.monotonic() - begun < LIMIT_S
        assert done.stderr == ""
        _, *said = done.stdout.splitlines()
        return "\n".join(line.replace(f"127.0.0.1:{port}: ", "") for line in said), done.returncode

    return check


@pytest.fixture
def allowing(make_broker, tmp_path):
    """Brokers that allow what the lines of an access list say."""

    def make(*lines):
        (tmp_path / "acl").write_text("".join(f"topic {line}\n" for line in lines))
        return make_broker(ANYBODY, f"acl_file {tmp_path}/acl").start()

    return make


@pytest.fixture
def one_at_a_time(make_broker):
    """Ports of brokers that allow one connection; not the first, where the start is awaited."""

    def make(*settings):
        port = free_port()
        make_broker(*settings, f"listener {port} 127.0.0.1", "max_connections 1").start()
        return port

    return make


@pytest.fixture
def web_server():
    """The port of a web server, which never answers to MQTT."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def answering(packet):
    """The port of a broker that answers CONNECT with a packet."""

    def answer():
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(packet)
            connection.recv(1000)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]


def kept(subscribe, port):
    """What a broker still keeps."""
    return subscribe(port, "#").kept()


@versions
def test_all_that_the_daemon_sends_comes_back_and_nothing_is_left(
    check, broker, subscribe, version
):
    subscriber = subscribe(broker.port)
    spoken = version.replace("auto", "5")
    said = (
        "ok  accepts us, arrays go to 'eflexbatteries' with QoS 2; "
        f"an array of 15 batteries (6802 bytes) came back with MQTT {spoken}"
    )
    assert check(broker.port, version=version) == (said, 0)
    subscriber.catch_up()
    own = [message for message in subscriber.messages if message[0] == "eflexbatteries"]
    assert own == [("eflexbatteries", b"[]", False)] * (spoken == "5")
    topics = {topic for topic, _, _ in subscriber.messages} - {"eflexbatteries"}
    assert len(topics) == 2
    assert all(topic.startswith("eflexbatteries/check/") for topic in topics)
    payloads = [payload for _, payload, _ in subscriber.messages]
    assert {b"online", b"offline", b"[]"} <= set(payloads)
    assert max(map(len, payloads)) == 6802
    assert kept(subscribe, broker.port) == []


@versions
def test_a_limit_of_bytes_below_an_array_is_found(check, make_broker, version):
    broker = make_broker(ANYBODY, "message_size_limit 4000").start()
    said, status = check(broker.port, version=version)
    assert status == 1
    seen("check: an array is larger than the broker's limit of bytes", said)
    assert said.startswith("BAD an array of 15 batteries (6802 bytes) does not arrive, ")
    assert "message_size_limit" in said


@versions
def test_a_packet_size_below_an_array_is_found(check, make_broker, subscribe, version):
    broker = make_broker(ANYBODY, "max_packet_size 4000").start()
    said, status = check(broker.port, version=version, fields="extended")
    assert status == 1
    assert said.startswith("BAD an array of 15 batteries (12492 bytes) does not arrive, ")
    assert ("takes packets of 4000 bytes at most" in said) == (version == "auto")
    assert said.endswith("max_packet_size), or set [mqtt] fields = documented")
    assert kept(subscribe, broker.port) == []


@versions
def test_a_packet_size_below_a_description_for_home_assistant_is_found(check, make_broker, version):
    broker = make_broker(ANYBODY, "max_packet_size 10000").start()
    said, status = check(broker.port, "[homeassistant]\ndiscovery = yes\n", version=version)
    assert status == 1
    assert re.search(r"BAD a description for Home Assistant \(\d+ bytes\) does not arrive, ", said)


@versions
def test_a_broker_without_qos_2_is_a_warning(check, make_broker, version):
    broker = make_broker(ANYBODY, "max_qos 1").start()
    said, status = check(broker.port, version=version)
    assert status == 0
    assert said.startswith("ok  accepts us, arrays go to 'eflexbatteries' with QoS 1; ")
    seen("check: the broker has no QoS 2", said)


@versions
def test_a_broker_that_retains_nothing_is_a_warning(check, make_broker, version):
    broker = make_broker(ANYBODY, "retain_available false").start()
    said, status = check(broker.port, version=version)
    assert status == 0
    assert said.startswith("ok  accepts us, arrays go to 'eflexbatteries' with QoS 2; ")
    seen("check: the broker keeps no retained messages", said)


def test_a_broker_that_never_takes_the_last_will_is_found(check, make_broker):
    broker = make_broker(ANYBODY, "max_qos 0").start()
    said, status = check(broker.port, version="3.1.1")
    assert (
        said
        == "BAD does not take the last will: it closes the connection; allow QoS 1 in the broker"
    )
    assert status == 1


def test_a_topic_that_is_denied_is_found_where_mqtt_5_says_so(check, allowing):
    broker = allowing("read eflexbatteries/#", "write other/#")
    said, status = check(broker.port)
    assert status == 1
    seen("check: the broker does not allow us to write", said)


def test_a_denied_topic_cannot_be_told_from_the_checks_own_with_mqtt_3(check, allowing):
    broker = allowing("read eflexbatteries/#", "write other/#")
    said, status = check(broker.port, version="3.1.1")
    assert said.startswith("warn accepts us, but whether arrays arrive could not be tested; ")
    assert status == 0


@versions
@pytest.mark.parametrize(
    "allowed",
    [("write eflexbatteries", "write eflexbatteries/status"), ("write eflexbatteries/#",)],
    ids=["the check's topics are denied", "they cannot be read"],
)
def test_what_cannot_be_tested_is_no_failure(check, allowing, subscribe, version, allowed):
    broker = allowing(*allowed, "read secret")
    said, status = check(broker.port, version=version)
    assert status == 0
    seen("check: the broker does not allow the check's own topics", said)


@versions
def test_access_to_the_checks_topics_and_to_write_is_enough(check, allowing, version):
    broker = allowing("write eflexbatteries", "readwrite eflexbatteries/check/#")
    said, status = check(broker.port, version=version)
    assert said.startswith("ok  accepts us, ")
    assert status == 0


def test_access_to_the_checks_topics_alone_is_found_where_mqtt_5_says_so(check, allowing):
    broker = allowing("readwrite eflexbatteries/check/#")
    said, status = check(broker.port)
    assert status == 1
    seen("check: the broker does not allow us to write", said)
    assert len(said.splitlines()) == 1
    said, status = check(broker.port, version="3.1.1")
    assert said.startswith("ok  accepts us, ")
    assert status == 0


@versions
def test_a_broker_that_allows_one_connection_is_a_warning(check, one_at_a_time, version):
    port = one_at_a_time(ANYBODY)
    said, status = check(port, version=version)
    assert status == 0
    seen("check: the broker allows no second connection", said)


@versions
def test_a_broker_that_allows_one_connection_of_a_user_is_a_warning(
    check, make_broker, tmp_path, version
):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "solar", "secret"], check=True)
    broker = make_broker(
        ANYBODY, f"password_file {passwords}", "use_username_as_clientid true"
    ).start()
    said, status = check(broker.port, version=version, username="solar", password="secret")
    assert status == 0
    seen("check: the broker allows no second connection", said)


def test_a_broker_that_allows_one_connection_and_denies_the_topic_is_found(
    check, one_at_a_time, tmp_path
):
    (tmp_path / "acl").write_text("topic read #\n")
    said, status = check(one_at_a_time(ANYBODY, f"acl_file {tmp_path}/acl"))
    assert status == 1
    seen("check: the broker does not allow us to write", said)


def test_access_without_the_status_is_a_warning(check, allowing):
    broker = allowing("readwrite eflexbatteries/check/+")
    said, status = check(broker.port, version="3.1.1")
    assert "\nwarn 'eflexbatteries/status' could not be tested; " in said
    assert status == 0


def test_a_port_with_tls_that_is_spoken_to_without_is_found(check, make_broker, tmp_path):
    key, cert = make_certificate(tmp_path, "broker")
    broker = make_broker(ANYBODY, f"certfile {cert}", f"keyfile {key}").start()
    said, status = check(broker.port)
    assert status == 1
    seen("check: the port expects TLS", said)


def test_a_port_without_tls_that_is_spoken_to_with_it_is_found(check, broker):
    said, status = check(broker.port, tls="yes")
    assert status == 1
    seen("the port does not speak TLS", said)


@pytest.mark.parametrize("tls", ["no", "yes"])
def test_a_web_server_on_the_port_is_found(check, web_server, tls):
    said, status = check(web_server, tls=tls)
    assert status == 1
    seen("check: a web server has the port", said)


def test_a_web_server_without_the_broker_is_not_blamed_for_its_http(check, web_server):
    said, status = check(web_server, transport="websockets")
    assert status == 1
    seen("a web server, or a wrong path, instead of a broker on websockets", said)


def test_a_broker_on_websockets_is_checked(check, make_broker):
    port = free_port()
    make_broker(ANYBODY, f"listener {port}", "protocol websockets", "socket_domain ipv4").start()
    said, status = check(port, transport="websockets")
    assert status == 0
    assert "accepts us, arrays go to 'eflexbatteries' with QoS 2" in said


def test_a_broker_that_gives_no_reason_is_said_to_give_none(check):
    """paho would call it an "Unspecified error"."""
    with answering(bytes([0x20, 3, 0, 0x80, 0])) as port:
        said, status = check(port, version="5")
    assert status == 1
    seen("the broker refuses us without a reason", said)


def test_a_check_that_is_stopped_leaves_nothing(start, make_broker, subscribe, tmp_path):
    (tmp_path / "acl").write_text("topic write eflexbatteries/#\n")
    broker = make_broker(ANYBODY, f"acl_file {tmp_path}/acl").start()
    process = start("check", "-c", mqtt_ini(tmp_path, broker.port), "--input", "simulator")
    wait_until(lambda: b"check-2" in broker.log.read_bytes())
    assert stop(process, signal.SIGINT) < STOP_S
    (tmp_path / "acl").write_text("topic readwrite #\n")
    broker.reload()
    assert kept(subscribe, broker.port) == []


def test_each_of_several_brokers_is_checked(check, make_broker):
    good, nobody = make_broker().start(), free_port()
    strict = make_broker("allow_anonymous false").start()
    names = [f"127.0.0.1:{port}" for port in (good.port, nobody, strict.port)]
    said, status = check(1883, hostname=", ".join(names))
    first, second, third = said.splitlines()
    assert f"{names[0]}: accepts us, arrays go to 'eflexbatteries' with QoS 2; " in first
    assert f"{names[1]}: Connection refused" in second
    assert f"{names[2]}: the broker refuses us: Not authorized" in third
    assert status == 1
