"""`<topic>/status` is right on each broker of a list, also on those that were left."""

from __future__ import annotations

import re
import threading
import time
from queue import Empty, SimpleQueue

import pytest

from eflexcan2mqtt.settings.schema import Mqtt
from eflexcan2mqtt.sinks.mqtt import farewell
from eflexcan2mqtt.sinks.mqtt.presence import Presence
from eflexcan2mqtt.sinks.mqtt.shared import status
from tests.support.arrays import drained, publish
from tests.support.broker import LONGEST_WAIT_S, REMEMBERING, free_port, wait_until
from tests.support.scripted_broker import (
    CONNACK,
    CONNECT,
    PUBLISH,
    SUBACK,
    SUBSCRIBE,
    ScriptedBroker,
    obliging,
    reply,
)

from .listed import at, hold


@pytest.fixture
def visits(monkeypatch):
    """A broker that was left is visited each second."""
    monkeypatch.setattr(farewell, "VISIT_EVERY_S", 1.0)


@pytest.mark.usefixtures("hurried", "visits")
def test_a_broker_that_died_and_kept_online_is_told_that_we_have_left(
    open_sink, make_broker, subscribe, tmp_path
):
    a = make_broker(*REMEMBERING, f"persistence_location {tmp_path}/").start()
    b = make_broker().start()
    sink = open_sink(**at(a.port, b.port))
    wait_until(lambda: sink.state.connected)
    database = tmp_path / "mosquitto.db"
    wait_until(lambda: database.exists() and b"online" in database.read_bytes())
    a.kill()
    wait_until(lambda: sink.state.connections == 2)
    time.sleep(1.5)  # a visit in vain
    a.start()
    assert subscribe(a.port).kept() == [("eflexbatteries/status", b"online", True)]
    on_a, on_b = subscribe(a.port), subscribe(b.port)
    wait_until(lambda: on_a.statuses()[-1:] == [b"offline"])
    assert on_b.kept() == [("eflexbatteries/status", b"online", True)]
    assert on_b.statuses()[1:] in ([], [b"online"])
    # Back on it, the next search finds it first.
    hold()
    b.kill()
    wait_until(lambda: on_a.statuses()[-1] == b"online")


@pytest.mark.usefixtures("hurried", "visits")
def test_a_broker_that_kept_online_from_a_run_before_is_told_too(
    open_sink, make_broker, subscribe, tmp_path
):
    """That run was stopped while the broker was dead."""
    a = make_broker()
    b = make_broker(*REMEMBERING, f"persistence_location {tmp_path}/").start()
    before = open_sink(**at(a.port, b.port))
    wait_until(lambda: before.state.connected)
    database = tmp_path / "mosquitto.db"
    wait_until(lambda: database.exists() and b"online" in database.read_bytes())
    b.kill()
    before.close()
    for each in (a, b):
        each.start()
    on_a, on_b = subscribe(a.port), subscribe(b.port)
    assert on_b.kept() == [("eflexbatteries/status", b"online", True)]
    open_sink(**at(a.port, b.port))
    wait_until(lambda: on_b.statuses() == [b"online", b"offline"])
    assert on_a.statuses()[-1] == b"online"


@pytest.mark.usefixtures("hurried", "visits")
@pytest.mark.parametrize(
    ("refused", "reason", "lasts"),
    [(CONNECT, 0x87, True), (CONNECT, 0x88, False), (SUBSCRIBE, 0x87, True)],
)
def test_a_broker_that_does_not_allow_the_visitor_is_visited_once(
    open_sink, broker, scripted, said, refused, reason, lasts
):
    """By its client id, or what it wants to read; one that is unavailable is visited again."""
    not_allowed = {
        CONNECT: lambda _: bytes([CONNACK << 4, 3, 0, reason, 0]),
        SUBSCRIBE: lambda packet: reply(SUBACK, packet.id, 0, 0x87),
    }

    def answer(packet):
        if packet.kind == PUBLISH and not alive.is_set():
            raise ConnectionAbortedError
        visitor = b"eflexcan2mqtt-left" in packet.body or packet.kind == SUBSCRIBE
        return (not_allowed[refused] if visitor and packet.kind == refused else obliging)(packet)

    alive = threading.Event()
    alive.set()
    left = scripted(ScriptedBroker, answer)
    sink = open_sink(**at(left.port, broker.port))
    wait_until(lambda: sink.state.connected)
    alive.clear()
    publish(sink, 1)
    assert drained(sink)
    assert said(left.port, broker.port)[0] == "A: connected"

    def visits():
        return [each for each in left.of(CONNECT) if b"eflexcan2mqtt-left" in each.body]

    wait_until(visits)
    if lasts:
        time.sleep(2.5)
        assert len(visits()) == 1
    else:
        wait_until(lambda: len(visits()) > 1)


@pytest.mark.usefixtures("hurried", "visits")
def test_offline_is_said_also_if_the_broker_in_use_is_lost_meanwhile(
    open_sink, make_broker, scripted, subscribe, monkeypatch
):
    monkeypatch.setattr(farewell, "JOINED_S", 0.5)
    lost = threading.Event()

    def answer(packet):
        if packet.kind == SUBSCRIBE:
            assert lost.wait(LONGEST_WAIT_S)
            topic, payload = b"eflexbatteries/status", b"online"
            body = bytes([0, len(topic)]) + topic + b"\0" + payload
            return obliging(packet) + bytes([PUBLISH << 4 | 1, len(body)]) + body
        ours = [each for each in left.of(CONNECT) if b"-left" not in each.body]
        if packet.qos == 2 or (packet in ours[1:]):
            raise ConnectionAbortedError
        return obliging(packet)

    left, b = scripted(ScriptedBroker, answer), make_broker().start()
    sink = open_sink(**at(left.port, b.port))
    publish(sink, 1)
    assert drained(sink)
    wait_until(lambda: left.of(SUBSCRIBE))
    b.kill()
    wait_until(lambda: not sink.state.connected)
    lost.set()
    wait_until(lambda: [each for each in left.of(PUBLISH) if each.payload == b"offline"])


class TestFarewells:
    """Each visit is reported once."""

    @pytest.fixture
    def reports(self):
        return SimpleQueue()

    def test_where_nothing_is_kept_nothing_is_said(self, broker, subscribe, reports):
        config = Mqtt(hostname="127.0.0.1", port=broker.port)
        farewells = farewell.Farewells(reports.put)
        farewells.left(config, 0.0)
        farewells.tick(farewell.VISIT_EVERY_S)
        visit = reports.get(timeout=LONGEST_WAIT_S)
        assert visit == farewell.Visit(config.name, good=True)
        farewells.ended(visit, 100.0)
        farewells.tick(1000.0)
        assert subscribe(broker.port).kept() == []
        assert broker.log.read_text().count("as eflexcan2mqtt-left") == 1

    def test_a_broker_that_is_away_is_visited_again_unless_we_are_back_there(self, reports):
        config = Mqtt(hostname="127.0.0.1", port=free_port())
        farewells = farewell.Farewells(reports.put)
        farewells.left(config, 0.0)
        for begin in (100.0, 200.0):
            farewells.tick(begin)
            farewells.tick(begin)  # no second one beside it
            visit = reports.get(timeout=LONGEST_WAIT_S)
            assert visit == farewell.Visit(config.name)
            if begin == 200.0:
                farewells.joined(config)
            farewells.ended(visit, begin)
        farewells.tick(1000.0)
        with pytest.raises(Empty):
            reports.get(timeout=1)


class TestJoined:
    """Brokers that are one to their readers, as a cluster is."""

    @pytest.fixture
    def joined(self, make_broker):
        """Two brokers, of which the second has a bridge to the first."""
        a = make_broker().start()
        bridge = [
            "allow_anonymous true",
            "connection other",
            f"address 127.0.0.1:{a.port}",
            "topic eflexbatteries/# both 1",
            "restart_timeout 1",
            "keepalive_interval 5",
        ]
        b = make_broker(*bridge).start()
        wait_until(lambda: "New bridge connected" in a.log.read_text())
        return a, b

    @pytest.mark.usefixtures("hurried")
    def test_a_last_will_that_comes_late_is_corrected(self, open_sink, joined, subscribe):
        a, b = joined
        on_a, on_b = subscribe(a.port), subscribe(b.port)
        config = Mqtt(**at(a.port, b.port))
        presence = Presence(*(status(config, word) for word in (b"online", b"offline")))
        sink = open_sink(**at(a.port, b.port), keepalive=3, announcers=(presence,))
        wait_until(lambda: on_b.statuses()[-1:] == [b"online"])
        hold()
        a.freeze()
        publish(sink, 1)
        assert drained(sink)
        a.thaw()
        # A sends the last will of the connection that was left, to B as well.
        for each in (on_a, on_b):
            wait_until(lambda each=each: b"offline" in each.statuses())
            wait_until(lambda each=each: each.statuses()[-1] == b"online")
        sink.close()
        for each in (on_a, on_b):
            wait_until(lambda each=each: each.statuses()[-1] == b"offline")

    @pytest.mark.usefixtures("hurried", "visits")
    def test_where_another_broker_s_online_is_heard_nothing_is_said(
        self, open_sink, joined, subscribe
    ):
        a, b = joined
        on_a, on_b = subscribe(a.port), subscribe(b.port)
        open_sink(**at(b.port, a.port))
        ended = re.compile("Client eflexcan2mqtt-left.* disconnected")
        wait_until(lambda: ended.search(a.log.read_text()))
        # The second because the visitor has asked for it.
        wait_until(lambda: on_a.statuses() == on_b.statuses() == [b"online"] * 2)
