"""[mqtt] names a broker by a host, with its port or as a URL, and never by what cannot work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.settings import broker
from eflexcan2mqtt.settings.broker import Broker
from eflexcan2mqtt.settings.load import load
from eflexcan2mqtt.settings.schema import Mqtt

from ..support.faults import seen

HOSTS = st.sampled_from(
    ["localhost", "broker.lan", "192.168.1.5", "bücher.example", "::1", "fe80::1%eth0"]
)


@pytest.mark.parametrize(
    ("hostname", "expected"),
    [
        ("broker.lan:1884", {"hostname": "broker.lan", "port": 1884}),
        ("192.168.1.5:1884", {"hostname": "192.168.1.5", "port": 1884}),
        ("::1", {"hostname": "::1"}),
        ("[::1]", {"hostname": "::1"}),
        ("[::1]:1884", {"hostname": "::1", "port": 1884}),
        ("mqtt://host", {"hostname": "host"}),
        ("MQTT://host:1884/", {"hostname": "host", "port": 1884}),
        ("tcp://[fe80::1]:1884", {"hostname": "fe80::1", "port": 1884}),
        ("mqtts://host", {"hostname": "host", "port": 8883, "tls": True}),
        ("ssl://host:8884", {"hostname": "host", "port": 8884, "tls": True}),
        (
            "ws://host:9001/mqtt5",
            {"hostname": "host", "port": 9001, "transport": "websockets", "path": "/mqtt5"},
        ),
        ("ws://host", {"hostname": "host", "port": 80, "transport": "websockets"}),
        (
            "wss://host/",
            {
                "hostname": "host",
                "port": 443,
                "tls": True,
                "transport": "websockets",
                "path": "/",
            },
        ),
    ],
)
def test_a_host_is_taken_apart(write, hostname, expected):
    assert load(write(f"[mqtt]\nhostname = {hostname}\n")).mqtt == Mqtt(**expected)


@pytest.mark.parametrize(
    ("hostname", "complaint"),
    [
        ("mqtt://me:geheim@host", "expected no user and password here: write username and"),
        ("me:geheim@host:1883", "expected no user and password here: write username and"),
        ("http://geheim", "expected a host name, or a URL that begins with one of mqtt://, tcp://"),
        ("://geheim", "expected a host name, or a URL"),
        ("host/geheim", "expected nothing behind the host and port; arrays go to topic"),
        ("host/", "expected nothing behind the host and port; arrays go to topic"),
        ("mqtt://host/geheim", "expected nothing behind the host and port; arrays go to topic"),
        ("host:geheim", "behind the host, expected a whole number from 1 to 65535"),
        ("host:0", "behind the host, expected a whole number from 1 to 65535"),
        ("host:65536", "behind the host, expected a whole number from 1 to 65535"),
        ("host:", "behind the host, expected a whole number from 1 to 65535"),
        ("mqtt://", "expected a host name or an address, like localhost"),
        ("", "expected a host name or an address, like localhost"),
        ("*", "expected a host name or an address, like localhost"),
        ("[::1", "expected a host name or an address, like localhost"),
        ("[host]:1883", "expected a host name or an address, like localhost"),
        ("1:2:3", "expected a host name or an address, like localhost"),
        ('"geheim"', "expected a host name or an address, like localhost"),
        ("host ; geheim", "like localhost or 192.168.1.5; comments need lines of their own"),
        ("ws://host/a b", "expected a path like /mqtt"),
    ],
)
def test_what_is_no_broker_is_a_complaint_that_shows_no_secret(complaints, hostname, complaint):
    [found] = complaints(f"[mqtt]\nhostname = {hostname}\n")
    assert found.startswith("x.ini:2: [mqtt] hostname: ") or "hostname = '" in found
    assert complaint in found
    assert "geheim" not in found


@pytest.mark.parametrize(
    ("hostname", "line"),
    [
        ("host:1884", "port = 1883"),
        ("mqtts://host", "port = 1883"),
        ("ssl://host", "tls = no"),
        ("mqtt://host", "transport = websockets"),
        ("ws://host:9001/a", "path = /b"),
    ],
)
def test_lines_that_disagree_are_both_named(complaints, hostname, line):
    key = line.split()[0]
    complaint = f"[mqtt] {key}: expected the same as in hostname, line"
    found = complaints(f"[mqtt]\nhostname = {hostname}\n{line}\n")[0]
    assert found == f"x.ini:3: {complaint} 2, or no {key}"
    assert (
        complaints(f"[mqtt]\n{line}\nhostname = {hostname}\n")[0]
        == f"x.ini:2: {complaint} 3, or no {key}"
    )
    if key == "port":
        seen("a host with a port, and another port in its own line", found)


@pytest.mark.parametrize(
    ("lines", "brokers", "more"),
    [
        (
            "hostname = a.example, b.example:8883, [::1]",
            [("a.example", 1883), ("b.example", 8883), ("::1", 1883)],
            {},
        ),
        ("hostname = a,b:1885 , ::1\nport = 1884", [("a", 1884), ("b", 1885), ("::1", 1884)], {}),
        ("port = 1884\nhostname = [::1]:1, [fe80::1]", [("::1", 1), ("fe80::1", 1884)], {}),
        ("hostname = a:1, b:2\nport = 1883", [("a", 1), ("b", 2)], {}),
        (
            "port = 1883\nhostname = mqtts://a, ssl://b:8884",
            [("a", 8883), ("b", 8884)],
            {"tls": True},
        ),
        (
            "hostname = ws://a/mqtt5, ws://[::1]:81/mqtt5",
            [("a", 80), ("::1", 81)],
            {"transport": "websockets", "path": "/mqtt5"},
        ),
    ],
)
def test_a_list_is_taken_apart(write, lines, brokers, more):
    """Each broker has its port, or that of the line; the rest is for all."""
    found = load(write(f"[mqtt]\n{lines}\n")).mqtt
    assert found.brokers == tuple(Broker(*each) for each in brokers)
    assert [(each.brokers, each.tls) for each in found.each] == [
        ((Broker(*each),), found.tls) for each in brokers
    ]
    assert {key: getattr(found, key) for key in more} == more
    assert broker.parts(found.name)["hostname"] == found.name
    assert broker.listed(found.name, 9) == found.brokers


@pytest.mark.parametrize(
    ("hostname", "complaint"),
    [
        ("a, geheim@b", "broker 2 of 2: expected no user and password here: write username and"),
        ("a,, b", "broker 2 of 3: expected a host name or an address, like localhost"),
        ("a,", "broker 2 of 2: expected a host name or an address, like localhost"),
        ("a, b:0", "broker 2 of 2: behind the host, expected a whole number from 1 to 65535"),
        ("mqtts://a, b", "expected all brokers with the same beginning, like mqtts://, and path"),
        ("mqtt://a, mqtts://b", "expected all brokers with the same beginning"),
        ("ws://a/x, ws://a/y", "expected all brokers with the same beginning, like mqtts://, and"),
        ("a, b, a", "expected each broker once"),
        ("a:1, a:1", "expected each broker once"),
        ("a, a:1883", "expected each broker once"),
        ("a b", "expected a host name or an address, like localhost"),
        ("a; b", "expected a host name or an address, like localhost"),
        ("a;b, c", "broker 1 of 2: expected a host name or an address, like localhost"),
    ],
)
def test_a_list_with_a_mistake_is_a_complaint(complaints, hostname, complaint):
    [found] = complaints(f"[mqtt]\nhostname = {hostname}\n")
    assert found.startswith("x.ini:2: [mqtt] hostname: ")
    assert complaint in found
    assert "geheim" not in found


def test_with_tls_in_the_url_of_a_list_no_line_may_say_otherwise(complaints):
    assert complaints("[mqtt]\nhostname = mqtts://a, mqtts://b\ntls = no\n") == [
        "x.ini:3: [mqtt] tls: expected the same as in hostname, line 2, or no tls"
    ]


@pytest.mark.parametrize(
    "hostname",
    ["mqtts://a, mqtts://b", "wss://a, wss://b", "a:1, b:2", "mqtts://a, mqtts://b:8884"],
)
def test_a_port_that_no_broker_of_a_list_has_is_a_complaint(complaints, hostname):
    """But for the usual one, which many files have: see above."""
    assert complaints(f"[mqtt]\nhostname = {hostname}\nport = 8885\n") == [
        "x.ini:3: [mqtt] port: expected one of those in hostname, line 2, or no port"
    ]


def test_a_list_in_a_variable_has_the_port_of_the_ini(write):
    ini = write("[mqtt]\nhostname = old\nport = 1884\n")
    variables = {"EFLEXCAN2MQTT_MQTT_HOSTNAME": "a, b:1885"}
    assert load(ini, variables=variables).mqtt.name == "a:1884, b:1885"


def test_lines_that_agree_are_good(write):
    text = "[mqtt]\nport = 8883\nhostname = ssl://host\ntls = on\n"
    assert load(write(text)).mqtt == Mqtt(hostname="host", port=8883, tls=True)


def test_a_url_with_tls_is_enough_for_an_authority_of_ones_own(complaints):
    [found] = complaints("[mqtt]\nhostname = ssl://host\ntls_ca = gone.pem\n")
    assert "[mqtt] tls_ca: expected the name of a file that can be read" in found


def test_websockets_have_a_path(write, complaints):
    text = "[mqtt]\ntransport = websockets\npath = /broker\n"
    assert load(write(text)).mqtt == Mqtt(transport="websockets", path="/broker")
    assert complaints("[mqtt]\npath = /broker\n") == [
        "x.ini:2: [mqtt] path: expected transport to be set as well"
    ]
    assert complaints("[mqtt]\ntransport = websockets\npath = mqtt\n") == [
        "x.ini:3: [mqtt] path: expected a path like /mqtt"
    ]


@given(HOSTS, st.none() | st.integers(1, 65_535), st.sampled_from(["", "mqtt://", "ws://"]))
def test_every_host_and_port_is_found_again(host, port, scheme):
    place = f"[{host}]" if ":" in host else host
    found = broker.parts(f"{scheme}{place}" + (f":{port}" if port else ""))
    assert found["hostname"] == host
    assert found.get("port") == port or (not port and scheme == "ws://")


@given(st.text(alphabet="a1:/[]@.%mqtsw*?, \u0660\udc80\0", max_size=20) | st.text())
def test_any_text_is_a_broker_or_a_complaint(text):
    complaint = "expected"
    try:
        found = broker.parts(text)
    except ValueError as error:
        complaint = str(error)
    else:
        assert found.keys() <= {"hostname", "port", "tls", "transport", "path"}
        assert found["hostname"]
        assert all(each.host for each in broker.listed(found["hostname"], 1883))
    assert "expected" in complaint
