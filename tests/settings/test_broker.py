"""[mqtt] names a broker by a host, with its port or as a URL, and never by what cannot work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.settings import broker
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


@given(st.text(alphabet="a1:/[]@.%mqtsw*? \u0660\udc80\0", max_size=20) | st.text())
def test_any_text_is_a_broker_or_a_complaint(text):
    complaint = "expected"
    try:
        found = broker.parts(text)
    except ValueError as error:
        complaint = str(error)
    else:
        assert found.keys() <= {"hostname", "port", "tls", "transport", "path"}
        assert found["hostname"]
    assert "expected" in complaint
