"""Ten banks, three nodes that fail, and readers that store: every reading is there, once."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
from collections import defaultdict
from functools import partial
from random import Random

import pytest

from tests.support.bank import START
from tests.support.broker import wait_until
from tests.support.fed_bridge import FedBank, FedBridge
from tests.support.postgres import rows

from .client import PASSWORD, USER, Client, Witness
from .engines import documented, sees
from .faults import Faults
from .node import PORT
from .store import HOUSE, count_stored, keys, longest_gap_s, stored

SEED = int(os.environ.get("EFLEX_SEED", "1"))
LONG = os.environ.get("EFLEX_LONG", "") not in ("", "0")
FAULTS = 12 if LONG else 6
BANKS, BATTERIES, PACE = 10, 14, 4
LONGEST_S = 360
"""So long the banks have something to send."""

STORED_S = 120.0

NOTICED_S, NOTICED = 85.0, 2
"""Cuts that are longer than RabbitMQ's net_ticktime."""


@pytest.fixture(scope="session")
def bank():
    """What each of the banks sends."""
    return FedBank(int(LONGEST_S * PACE), SEED, BATTERIES, PACE, "extended")


class Fleet:
    """Ten banks, each with a node of its own as the first of its list."""

    def __init__(self, folder, nodes, bank):
        self.banks = {}
        self._longest = len(bank.texts)
        for number in range(BANKS):
            topic = f"eflex/site-{number}/house"
            home = folder / f"bank-{number}"
            home.mkdir()
            first = number % len(nodes)
            brokers = ", ".join(each.address for each in [*nodes[first:], *nodes[:first]])
            self.banks[topic] = FedBridge(
                home,
                PORT,
                bank,
                hostname=brokers,
                topic=topic,
                client_id=topic.replace("/", "-"),
                username=USER,
                password=PASSWORD,
                keepalive=10,
                qos=os.environ.get("EFLEX_QOS") or nodes[0].qos,
                fields="extended",
            )
        self._enough = threading.Event()
        self._feeder = threading.Thread(target=self._feed, daemon=True)

    def start(self):
        self._feeder.start()

    def _feed(self):
        for _ in range(self._longest):
            for each in self.banks.values():
                each.feed(1)
            if self._enough.is_set():
                return

    def on(self, node):
        """How many banks are connected to it."""
        seen = subprocess.run(
            ["ss", "-Htnp", "state", "established", "dst", f"{node.address}:{PORT}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        connected = set(map(int, re.findall(r"\bpid=(\d+)", seen)))
        return sum(each.process.pid in connected for each in self.banks.values())

    def end(self, stored):
        """No bank sends any more; all that they have sent.

        ``stored`` counts readings.  A program that has nothing more to read waits for half a
        minute, so first it gets rid of all but the last cycle, which ends with its input.
        """
        assert self._feeder.is_alive(), "a bank has died, or had too little to send"
        self._enough.set()
        self._feeder.join(LONGEST_S)
        sent = sum(each.fed - 1 for each in self.banks.values()) * BATTERIES
        with contextlib.suppress(AssertionError):
            wait_until(lambda: stored() >= sent, "readings", STORED_S)
        for each in self.banks.values():
            assert each.end() == 0
        return keys(
            (topic, payload) for topic, each in self.banks.items() for payload in each.expected()
        )

    def kill(self):
        self._enough.set()
        for each in self.banks.values():
            each.kill()


@pytest.fixture
def fleet(tmp_path, nodes, bank):
    made = Fleet(tmp_path, nodes, bank)
    yield made
    made.kill()


@pytest.fixture
def start_witness():
    """Readers that count what comes twice, ended with the test."""
    made = []

    def start(*arguments):
        made.append(Witness(*arguments))
        return made[-1]

    yield start
    for each in made:
        each.end()


def missing(readings):
    """The seconds that are missing of a bank, after its first."""
    found = defaultdict(set)
    for topic, _, at in readings:
        found[topic].add(at - int(START))
    return {topic: sorted(each) for topic, each in found.items()}


@pytest.fixture
def login(tmp_path):
    """Arguments of a reader."""
    (tmp_path / "password").write_text(PASSWORD)
    return "--username", USER, "--password-file", str(tmp_path / "password")


@pytest.fixture
def check(nodes, fleet, make_store, database, login, start_witness):
    """Let faults happen, given the readers, and compare what is stored with what was sent."""

    def check(faults):
        brokers = [f"{each.address}:{PORT}" for each in nodes]
        readers = [make_store(brokers[at:] + brokers[:at], f"store-{at}", *login) for at in (0, 1)]
        witness = start_witness([each.where for each in nodes], "eflex/+/+")
        fleet.start()
        print()
        for what in faults(readers):
            print(f"  {what}", flush=True)
        count = partial(count_stored, database)
        expected = fleet.end(count)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: count() >= len(expected), "all readings", STORED_S)
        found = stored(database)
        delivered, twice = witness.end()
        print(
            f"  {nodes[0].title}: {len(found)} of {len(expected)} readings stored, {delivered} "
            f"arrays delivered, {twice} of them again; longest gap of a bank "
            f"{longest_gap_s(database):.1f} s"
        )
        assert missing(expected - found) == {}
        assert sorted(found - expected) == []
        assert delivered >= len(expected) // BATTERIES

    return check


def test_every_reading_is_stored_once(nodes, fleet, check):
    check(lambda readers: Faults(nodes, readers, fleet.on, Random(SEED)).run(FAULTS))


@pytest.mark.skipif(not LONG, reason="only with LONG=1: it takes minutes")
def test_every_reading_is_stored_after_a_cut_that_the_nodes_notice(nodes, fleet, check):
    """After a minute, RabbitMQ's one node stops by itself, and joins the others again later."""
    check(lambda readers: Faults(nodes, readers, fleet.on, Random(SEED)).cuts(NOTICED_S, NOTICED))


def test_a_reader_of_a_group_ends_where_there_are_none(nodes, make_store, login):
    """Else it would get nothing, without a word."""
    where = [f"{nodes[0].address}:{PORT}"]
    reader = make_store(where, "group-1", *login, "--group", "store", reads=False)
    assert reader.wait() == 78
    assert "as --group needs" in reader.said()


def test_a_reader_stores_the_state_of_a_bank(nodes, make_store, database, login):
    """The first one is retained; the next one it gets where there are no retained ones, too."""

    def stored_status():
        # The banks of another test have left states of theirs.
        query = "SELECT status FROM bank WHERE topic = %s"
        return [each for (each,) in rows(database, query, HOUSE)]

    retained = documented(nodes[0].title)["retained messages, by a topic with `+`"] == "yes"
    bank = Client(nodes[0].where)
    assert bank.publish(f"{HOUSE}/status", b"online", retain=True)
    if retained:  # other nodes may have it a moment later
        wait_until(lambda: sees(nodes[1].where, f"{HOUSE}/status"), "the other node")
    make_store([f"{nodes[1].address}:{PORT}"], "state-1", *login)
    if retained:
        wait_until(lambda: stored_status() == ["online"], "the retained state")
    bank.publish(f"{HOUSE}/status", b"offline", retain=True)
    wait_until(lambda: stored_status() == ["offline"], "the next state")
    bank.publish(f"{HOUSE}/status", b"", retain=True)
    wait_until(lambda: stored_status() == [None], "no state")
    bank.close()
