"""What a broker refuses is never taken for arrived: it is reported, and kept or set aside."""

from __future__ import annotations

import json
import threading
import time

import pytest

from eflexcan2mqtt.sinks.message import Announcer, Message
from eflexcan2mqtt.sinks.mqtt import outage, search
from tests.support.arrays import array, drained, numbers, publish
from tests.support.broker import LONGEST_WAIT_S, wait_until
from tests.support.faults import seen
from tests.support.program import STOP_S
from tests.support.scripted_broker import (
    CONNECT,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    ScriptedBroker,
    obliging,
    reply,
)

STATUS = "topic readwrite eflexbatteries/status\n"
ARRAYS = "topic readwrite eflexbatteries\n"
LARGE = 5000
LIMIT = "message_size_limit 4000"
PACKETS = "max_packet_size 4000"


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """A pause between two attempts is short."""
    monkeypatch.setattr(search, "RECONNECT_S", (0.1, 0.5))


@pytest.fixture
def strict(make_broker, tmp_path):
    """A broker that allows what a file names."""
    allowed = tmp_path / "acl"

    def make(text):
        allowed.write_text(text)
        return make_broker("allow_anonymous true", f"acl_file {allowed}").start(), allowed

    return make


@pytest.mark.parametrize("qos", [1, 2])
def test_arrays_on_a_denied_topic_are_kept_until_it_is_allowed(
    open_sink, strict, subscribe, lines, caplog, tmp_path, qos
):
    broker, allowed = strict(STATUS)
    sink = open_sink(broker.port, spool=tmp_path / "spool", qos=qos)
    publish(sink, *range(60))
    wait_until(lambda: lines("refuses"))
    time.sleep(2)
    assert (sink.state.waiting, sink.state.connections) == (60, 1)
    [line] = lines("refuses")
    assert line == (
        f"127.0.0.1:{broker.port}: refuses messages on 'eflexbatteries': Not authorized; allow "
        "client 'eflexcan2mqtt' to write there; arrays are kept until it takes them"
    )
    subscriber = subscribe(broker.port)
    allowed.write_text(f"{STATUS}{ARRAYS}")
    broker.reload()
    assert drained(sink)
    wait_until(lambda: len(subscriber.payloads()) == 60)
    assert numbers(subscriber.payloads()) == list(range(60))
    assert len(lines("takes arrays again after")) == 1
    assert sink.close() == 0
    seen("the broker does not allow us to write to the topic", caplog.text)


def test_a_topic_that_is_denied_later_is_seen_too(open_sink, strict, subscribe, lines):
    broker, allowed = strict(f"{STATUS}{ARRAYS}")
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port)
    publish(sink, 1)
    wait_until(lambda: numbers(subscriber.payloads()) == [1])
    allowed.write_text(STATUS)
    broker.reload()
    publish(sink, 2)
    wait_until(lambda: lines("Not authorized"))
    assert sink.state.waiting == 1
    begun = time.monotonic()
    assert sink.close() == 1
    assert time.monotonic() - begun < STOP_S


def test_a_denied_status_does_not_hold_up_arrays(open_sink, strict, lines):
    broker, _ = strict(ARRAYS)
    sink = open_sink(broker.port)
    publish(sink, 1)
    assert drained(sink)
    [line] = lines("refuses")
    assert "refuses messages on 'eflexbatteries/status': Not authorized; allow client" in line


class Describes(Announcer):
    """Fourteen batteries for Home Assistant, each described once."""

    def __init__(self, size=100):
        self.left = 14
        self._size = size

    def connected(self):
        self.left = 14

    def due(self, cycle, now):
        while self.left:
            topic = f"homeassistant/device/{self.left}/config"
            yield Message(topic, b"x" * self._size, retain=True)
            self.left -= 1


def test_a_denied_description_is_one_line_and_holds_up_no_array(open_sink, strict, lines, caplog):
    broker, _ = strict(f"{STATUS}{ARRAYS}")
    sink = open_sink(broker.port, announcers=(Describes(),))
    publish(sink, 1)
    wait_until(lambda: lines("refuses"))
    publish(sink, *range(2, 9))
    assert drained(sink)
    time.sleep(0.3)
    assert len(lines("refuses")) == 1
    seen("the broker does not allow us to write to another topic", caplog.text)


def test_descriptions_do_not_exceed_what_the_broker_takes_at_once_and_wait_for_no_array(
    open_sink, make_broker, subscribe
):
    broker = make_broker("allow_anonymous true", "max_inflight_messages 3").start()
    subscriber = subscribe(broker.port, "#")
    sink = open_sink(broker.port, announcers=(Describes(),))
    publish(sink, *range(90))
    assert drained(sink)
    wait_until(lambda: len(subscriber.payloads()) == 90)
    topics = [topic for topic, *_ in subscriber.messages]
    described = [place for place, topic in enumerate(topics) if topic.endswith("/config")]
    assert len(described) == 14
    assert described[-1] < 60
    assert sink.state.connections == 1


def test_a_description_that_is_too_large_is_not_sent(open_sink, make_broker, lines):
    broker = make_broker("allow_anonymous true", PACKETS).start()
    sink = open_sink(broker.port, announcers=(Describes(LARGE),))
    publish(sink, 1)
    assert drained(sink)
    wait_until(lambda: lines("not sent"))
    publish(sink, 2)
    assert drained(sink)
    [line] = lines("takes packets")
    assert line.endswith(
        ": takes packets of 4000 bytes at most; raise this limit; "
        "'homeassistant/device/14/config' (5000 bytes) is not sent"
    )
    assert sink.state.connections == 1


@pytest.mark.parametrize(
    ("setting", "is_seen"),
    [
        (PACKETS, lambda log: seen("an array is larger than the broker's max_packet_size", log)),
        (LIMIT, lambda log: seen("an array is larger than mosquitto's message_size_limit", log)),
    ],
    ids=["max_packet_size", "message_size_limit"],
)
@pytest.mark.parametrize("qos", [1, 2])
def test_an_array_that_is_too_large_for_the_broker_is_set_aside_at_once(
    open_sink, make_broker, subscribe, lines, caplog, tmp_path, setting, is_seen, qos
):
    broker = make_broker("allow_anonymous true", setting).start()
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port, spool=tmp_path / "spool", qos=qos)
    publish(sink, 1, 2)
    publish(sink, 3, size=LARGE)
    publish(sink, *range(4, 30))
    assert drained(sink)
    wait_until(lambda: numbers(subscriber.payloads()) == [1, 2, *range(4, 30)])
    [path] = (tmp_path / "spool").glob("rejected-*")
    assert json.loads(path.read_text()) == array(3, LARGE)
    [line] = lines("moved to")
    size = path.stat().st_size
    assert f"the array of 1970-01-01 00:00:03 UTC ({size} bytes) is moved to {path}, " in line
    assert (sink.state.connections, sink.state.dropped) == (1, 0)
    is_seen(caplog.text)


def test_without_a_spool_it_is_dropped_and_counted(open_sink, make_broker, subscribe, lines):
    broker = make_broker("allow_anonymous true", PACKETS).start()
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port)
    publish(sink, 1, 2, size=LARGE)
    publish(sink, *range(3, 12))
    assert drained(sink)
    wait_until(lambda: numbers(subscriber.payloads()) == [*range(3, 12)])
    [line] = lines("dropped")
    assert "(5444 bytes) is dropped, and so are all such: there is no spool" in line
    assert sink.state.dropped == 2


def test_a_broker_that_takes_no_array_at_all_gets_them_once_its_limit_is_raised(
    open_sink, make_broker, make_proxy, subscribe, lines, tmp_path
):
    """A hundred are set aside; then it cannot be the arrays' fault."""
    strict = make_broker("allow_anonymous true", "max_packet_size 300").start()
    network = make_proxy(strict.port)
    sink = open_sink(network.port, spool=tmp_path / "spool")
    publish(sink, *range(130))
    wait_until(lambda: lines("rejected arrays already"))
    assert len(list((tmp_path / "spool").glob("rejected-*"))) == 100
    wait_until(lambda: sink.state.waiting == 30)
    assert len(lines("takes packets of 300 bytes at most")) == 2
    network.down()  # until the subscriber is there
    strict.stop()
    lax = make_broker(port=strict.port).start()
    subscriber = subscribe(lax.port)
    network.up()
    assert drained(sink)
    wait_until(lambda: numbers(subscriber.payloads()) == list(range(100, 130)))


def refusing(numbers_refused, kind, code, times=1):
    """Refuse arrays of some numbers, so many times each."""
    left = dict.fromkeys(numbers_refused, times)
    ids = {}

    def answer(packet):
        if packet.kind == PUBLISH and packet.payload.startswith(b"[{"):
            number = json.loads(packet.payload)[0]["time"]
            ids[packet.id] = number
            if kind == PUBREC and left.get(number):
                left[number] -= 1
                return reply(PUBREC, packet.id, code)
        if packet.kind == PUBREL and kind == PUBCOMP and left.get(ids.get(packet.id)):
            left[ids[packet.id]] -= 1
            return reply(PUBCOMP, packet.id, code)
        return obliging(packet)

    return answer


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        (PUBREC, 0x97, "Quota exceeded"),
        (PUBREC, 0x80, "Unspecified error"),
        (PUBREC, 0xEE, "reason code 0xee"),
        (PUBCOMP, 0x92, "Packet identifier not found"),
    ],
)
def test_a_refused_array_is_sent_again(open_sink, scripted, lines, caplog, kind, code, words):
    """Seen through paho, which takes a PUBREC for success, whatever its reason code."""
    broker = scripted(ScriptedBroker, refusing([2, 3], kind, code))
    sink = open_sink(broker.port)
    publish(sink, *range(10))
    assert drained(sink)
    sent = numbers([each.payload for each in broker.of(PUBLISH) if each.qos == 2])
    assert sorted(sent) == sorted([*range(10), 2, 3])
    assert [each for each in sent if sent.count(each) == 2][-2:] == [2, 3]
    refused = [] if kind == PUBCOMP else [2, 3]
    assert len(broker.of(PUBREL)) == len(sent) - len(refused)  # none for what was refused
    [line] = lines("refuses")
    assert f": {words}" in line
    assert len(broker.of(CONNECT)) == 1
    if code == 0x97:
        seen("the broker takes fewer messages for now", caplog.text)


def test_a_refused_array_is_tried_again_after_longer_and_longer_pauses(open_sink, scripted):
    refuse, sent, came = refusing(range(100), PUBREC, 0x97, times=100), [], []
    published = threading.Event()

    def answer(packet):
        if packet.kind == CONNECT:
            published.wait(LONGEST_WAIT_S)  # so that the first twenty are sent together
        if packet.kind == PUBLISH and packet.qos == 2:
            came.append(time.monotonic())
            sent.extend(numbers([packet.payload]))
        return refuse(packet)

    sink = open_sink(scripted(ScriptedBroker, answer).port)
    publish(sink, *range(30))
    published.set()
    wait_until(lambda: len(sent) == 22)
    assert sent == [*range(20), 0, 0]
    # A pause begins when the refusal before it has come.
    assert came[20] - came[0] >= 1
    assert came[21] - came[20] >= 2
    assert sink.state.waiting == 30


@pytest.mark.parametrize(
    ("code", "short_s", "is_seen"),
    [
        (
            0x8E,
            10.0,
            lambda log: seen("two clients with one client id, and a broker that says so", log),
        ),
        (0x8B, 0.0, lambda log: seen("the broker ends the connection and says why", log)),
    ],
    ids=["taken over", "shutting down"],
)
def test_why_the_broker_ends_a_connection_is_in_its_line(
    open_sink, scripted, lines, caplog, monkeypatch, code, short_s, is_seen
):
    monkeypatch.setattr(outage, "SHORT_S", short_s)
    farewells = [bytes([0xE0, 2, code, 0])]

    def answer(packet):
        whole_array = packet.kind == PUBLISH and packet.qos == 2
        return farewells.pop() if whole_array and farewells else obliging(packet)

    broker = scripted(ScriptedBroker, answer)
    sink = open_sink(broker.port)
    publish(sink, 1)
    assert drained(sink)
    assert len(lines("the broker ends the connection")) == 1
    wait_until(lambda: len(broker.of(CONNECT)) == 2)
    is_seen(caplog.text)
