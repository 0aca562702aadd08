"""Whatever a network does: each array arrives, in order, and twice only where a connection died.

The program is fed by a bank on a pipe and speaks to a real mosquitto through the faults; a
subscriber with a session of its own, which has no faults, counts.
"""

from __future__ import annotations

import re
import time

import pytest

from eflexcan2mqtt.sinks.mqtt.caution import IN_FLIGHT
from eflexcan2mqtt.sinks.mqtt.outage import SHORT_S
from tests.support.broker import wait_until
from tests.support.faults import seen
from tests.support.fed_bridge import FedBank, FedBridge, arrived
from tests.support.proxy import PUBCOMP, PUBLISH, PUBREC, TO_BROKER, TO_CLIENT

CYCLES = 400
"""More than any test needs."""


@pytest.fixture
def network(broker, make_proxy):
    """The network to a broker."""
    return make_proxy(broker.port)


@pytest.fixture
def make_bridge(broker, network, subscribe, tmp_path):
    """Bridges behind that network by their settings, killed with the test.

    The other part is a call that ends the bridge, and compares what arrived with what it was fed.
    """
    made = []

    def make(**mqtt):
        subscriber = subscribe(broker.port, session="reader")
        bridge = FedBridge(tmp_path, network.port, FedBank(CYCLES), **mqtt)
        made.append(bridge)

        def counted():
            assert bridge.end() == 0, bridge.log()
            expected = bridge.expected()
            wait_until(lambda: subscriber.payloads()[-1:] == expected[-1:], "the last array")
            return arrived(subscriber.payloads(), expected)

        return bridge, counted

    yield make
    for each in made:
        each.kill()


def is_whole(found, connections_that_died):
    """Nothing is lost; nothing came twice but what was in flight when a connection died."""
    assert found.missing == []
    assert found.cut == 0
    assert found.in_order
    assert found.twice <= IN_FLIGHT * connections_that_died
    return True


@pytest.mark.parametrize(
    "directions", [[TO_BROKER, TO_CLIENT], [TO_BROKER], [TO_CLIENT]], ids=" and ".join
)
def test_a_network_that_drops_everything(make_bridge, network, directions):
    """As a firewall that forgets a connection, or a modem that is switched off."""
    bridge, counted = make_bridge(keepalive=1)
    bridge.feed(10)
    network.held = frozenset(directions)
    wait_until(lambda: bridge.feed(1) or "arrays are kept" in bridge.log())
    bridge.feed(10)
    network.held = frozenset()
    wait_until(lambda: bridge.feed(1) or "back after" in bridge.log())
    assert is_whole(counted(), network.connections)
    if "does not answer" in bridge.log():  # the broker was the first to give the connection up
        seen("the broker takes the connection, but does not answer", bridge.log())
    else:
        seen("the network drops everything, in one direction or both", bridge.log())


def test_a_connection_that_breaks_in_the_middle_of_an_array(make_bridge, network):
    """Not one so short that its end, if it is back at once, is no message."""
    bridge, counted = make_bridge()
    wait_until(lambda: bridge.feed(1) or "connected" in bridge.log())
    old = time.monotonic() + SHORT_S
    wait_until(lambda: bridge.feed(1) or time.monotonic() > old)
    network.cut_in = PUBLISH
    wait_until(lambda: bridge.feed(1) or network.cuts)
    wait_until(lambda: bridge.feed(1) or "back after" in bridge.log())
    assert is_whole(counted(), network.cuts)
    assert (network.cuts, network.connections) == (1, 2)
    seen("the connection breaks", bridge.log())


@pytest.mark.parametrize("lost", [PUBREC, PUBCOMP])
def test_acknowledgements_that_are_lost(make_bridge, network, lost):
    bridge, counted = make_bridge(keepalive=1)
    bridge.feed(10)
    network.swallowed = frozenset({lost})
    wait_until(lambda: bridge.feed(1) or "has acknowledged nothing" in bridge.log())
    network.swallowed = frozenset()
    assert is_whole(counted(), network.connections)
    seen("the broker answers, but acknowledges nothing", bridge.log())


def test_connections_that_are_reset_again_and_again(make_bridge, network):
    bridge, counted = make_bridge()
    for _ in range(3):
        # Until then the program may not know that it is connected.
        wait_until(lambda: bridge.feed(1) or network.acknowledged > network.cuts)
        network.reset()
    assert is_whole(counted(), network.cuts)
    assert network.cuts == 3
    seen("connections break again and again", bridge.log())


def test_a_network_that_is_slower_than_the_batteries(make_bridge, network):
    """The connection holds, and arrays wait their turn."""
    bridge, counted = make_bridge()
    bridge.feed(10)
    network.bytes_a_tick = 50
    bridge.feed(30)
    network.bytes_a_tick = None
    assert is_whole(counted(), connections_that_died=0)
    assert network.connections == 1
    seen("the network is slower than the batteries for a while", bridge.log())


def test_a_broker_that_accepts_late(make_bridge, network):
    network.answers_after_s = 11.0
    bridge, counted = make_bridge()
    wait_until(lambda: bridge.feed(1) or "back after" in bridge.log())
    assert is_whole(counted(), connections_that_died=0)
    assert network.connections == 1
    seen("the broker takes the connection, but does not answer", bridge.log())


HTTP = b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"no " * 100
GARBAGE = [
    HTTP,
    bytes([0x20, 0]),  # CONNACK without a body
    bytes([0x40, 1, 0]),  # PUBACK with half a message id
    bytes([0x30, 3, 0, 1, 0xFF]),  # PUBLISH on a topic that is no UTF-8
    bytes([0xF0, 0]),  # of a type that only MQTT 5 has
]


def returned(bridge):
    return bridge.log().count("back after")


def test_answers_that_are_not_mqtt(make_bridge, network):
    """In place of the broker's acceptance, and of acknowledgements."""
    network.garbage = [HTTP]
    bridge, counted = make_bridge()
    wait_until(lambda: bridge.feed(1) or re.search("connected|back after", bridge.log()))
    for each in GARBAGE:
        returns = returned(bridge)
        network.garbage = [each]
        wait_until(lambda before=returns: bridge.feed(1) or returned(bridge) > before)
    assert is_whole(counted(), network.connections)
    assert "Traceback" not in bridge.log()
    seen("an answer that is not MQTT", bridge.log())
