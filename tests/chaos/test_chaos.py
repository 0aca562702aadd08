"""Four minutes of a bank at ten times its pace, while program, broker and network fail at random.

``EFLEX_SEED`` chooses what happens, ``EFLEX_MINUTES`` how long it lasts; the output says what did.
"""

from __future__ import annotations

import os
import signal
import time
from random import Random

import pytest

from eflexcan2mqtt.sinks.mqtt.caution import IN_FLIGHT
from eflexcan2mqtt.sources.simulator import CYCLE_S
from tests.support.broker import wait_until
from tests.support.faults import seen
from tests.support.fed_bridge import PACE, FedBank, FedBridge, arrived
from tests.support.proxy import PUBCOMP, PUBLISH, PUBREC, TO_BROKER, TO_CLIENT

SEED = int(os.environ.get("EFLEX_SEED", "1"))
MINUTES = float(os.environ.get("EFLEX_MINUTES", "4"))
KILL_EVERY_S = 16.0
"""Fifteen kills in four minutes."""

CYCLES_A_SECOND = PACE / CYCLE_S
ROUND = int(KILL_EVERY_S * CYCLES_A_SECOND)
"""A kill and a fault of the network begin in the first half of so many cycles, and end in it."""

LAST_SECOND = int(CYCLES_A_SECOND) + 2
"""So many cycles may a killed program lose: those that it had not yet written to its spool."""

KILLS = ["broker killed", "broker stopped", "broker frozen", "program killed", "program stopped"]


def reset(network):
    network.reset()


def cut(network):
    network.cut_in = PUBLISH


def garbage(network):
    network.garbage = [b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"no " * 100]


def black_hole(network):
    network.held = frozenset({TO_BROKER, TO_CLIENT})


def black_hole_to_the_broker(network):
    network.held = frozenset({TO_BROKER})


def black_hole_to_the_client(network):
    network.held = frozenset({TO_CLIENT})


def lost_pubrec(network):
    network.swallowed = frozenset({PUBREC})


def lost_pubcomp(network):
    network.swallowed = frozenset({PUBCOMP})


def slow(network):
    network.bytes_a_tick = 50


def late(network):
    network.answers_after_s = 3.0


def short(network):
    network.lifetime_s = 0.4


FAULTS = [reset, cut, garbage, black_hole, black_hole_to_the_broker, black_hole_to_the_client]
FAULTS += [lost_pubrec, lost_pubcomp, slow, late, short]


@pytest.fixture
def network(remembering_broker, make_proxy):
    """The network to the broker."""
    return make_proxy(remembering_broker.port)


@pytest.fixture
def bridge(network, tmp_path):
    """The program behind that network."""
    cycles = int((MINUTES + 1) * 60 * CYCLES_A_SECOND)
    made = FedBridge(tmp_path, network.port, FedBank(cycles, SEED), keepalive=2)
    yield made
    made.kill()


def begin(kill, bridge, broker, random):
    match kill.split():
        case "broker", "frozen":
            broker.freeze()
        case "broker", how:
            if how == "stopped":
                broker.send(signal.SIGTERM)
                time.sleep(0.3)
            broker.kill()
        case "program", how:
            wait_until(bridge.has_read, "the program to read all")
            if how == "stopped":
                time.sleep(1)  # it has handed on what it has read, and may lose nothing
                bridge.stop()
            else:
                time.sleep(random.uniform(0, 0.1))
                bridge.kill()
            bridge.start()


def end(kill, broker):
    if kill == "broker frozen":
        broker.thaw()
    elif kill.startswith("broker"):
        broker.start()


def test_what_was_read_arrives_in_order(remembering_broker, network, bridge, subscribe):
    random, broker = Random(SEED), remembering_broker
    subscriber = subscribe(broker.port, session="reader")
    happened, may_be_lost = [], set()
    for _ in range(round(MINUTES * 60 / KILL_EVERY_S)):
        kill, fault = random.choice(KILLS), random.choice(FAULTS)
        actions = sorted(
            (at, step)
            for name in ("kill", "fault")
            for at, step in zip(
                sorted((random.randrange(ROUND // 2), random.randrange(ROUND))),
                (f"begin {name}", f"end {name}"),
                strict=True,
            )
        )
        happened.append(f"{bridge.fed}: {kill}, {fault.__name__}: {actions}")
        before = bridge.fed
        for at, step in actions:
            bridge.feed(before + at - bridge.fed)
            match step:
                case "begin kill":
                    begin(kill, bridge, broker, random)
                    if kill == "program killed":
                        may_be_lost |= set(range(bridge.fed - LAST_SECOND, bridge.fed))
                case "end kill":
                    end(kill, broker)
                case "begin fault":
                    fault(network)
                case "end fault":
                    network.heal()
        bridge.feed(before + ROUND - bridge.fed)
    print(f"seed {SEED}", *happened, sep="\n")
    assert bridge.end() == 0
    expected = bridge.expected()
    wait_until(lambda: subscriber.payloads()[-1:] == expected[-1:], "the last array")
    print(bridge.log())
    found = arrived(subscriber.payloads(), expected)
    lost = set(found.missing)
    print(
        f"seed {SEED}: {len(happened)} kills, {network.connections} connections, "
        f"{len(expected)} arrays, {found.twice} twice, {len(lost)} lost by kills of the program"
    )
    assert sorted(lost - may_be_lost) == []
    assert found.cut <= sum("program" in each for each in happened)
    assert found.twice <= IN_FLIGHT * (network.connections + len(happened))
    assert found.in_order
    assert "Traceback" not in bridge.log()
    seen("broker, program and network fail at random for four minutes", bridge.log())
