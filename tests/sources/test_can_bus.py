"""Frames come from real python-can buses, through everything that can happen to them."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time

import can
import pytest
from can.interfaces.virtual import VirtualBus

from eflexcan2mqtt.protocol.blocks import CYCLE_S, OUR_IDS, Silence
from eflexcan2mqtt.settings.schema import Can
from eflexcan2mqtt.sources.can_bus import CanBus
from eflexcan2mqtt.sources.messages import is_ours, reason
from eflexcan2mqtt.sources.opening import ImpossibleError
from eflexcan2mqtt.sources.reader import WAITED_S, Damage, Reader
from tests.support.adapters import SerialAdapter
from tests.support.bank import FRAMES_PER_BURST, sent
from tests.support.broker import wait_until

FRAME = sent(1)[0]
FIRST = FRAME[0], FRAME[1][0]


@pytest.fixture
def channel(request):
    """A virtual bus of the test's own."""
    return request.node.name


@pytest.fixture
def peer(channel):
    """The other end of that bus."""
    with can.Bus(interface="virtual", channel=channel) as bus:
        yield bus


@pytest.fixture
def source(channel):
    """Our end, opened with the first frame."""
    frames = iter(CanBus(Can(interface="virtual", channel=channel)))
    yield frames
    frames.close()


def first_of(source):
    """The first frame after any ticks."""
    return next(each for each in source if each is not Silence.SECOND)


def message(can_id=FRAME[0], data=FRAME[1], **options):
    return can.Message(
        arbitration_id=can_id,
        data=data,
        is_extended_id=options.pop("is_extended_id", False),
        **options,
    )


def ours_on(channel, peer):
    """The queue behind our end of a virtual bus, once it is open."""

    def ours():
        ends = list(can.interfaces.virtual.channels.get(channel, []))
        return [each for each in ends if each is not peer.queue]

    wait_until(ours, "our end of the bus")
    return ours()[0]


@pytest.fixture
def sends(channel, peer):
    """Has the other end send from another thread, once ours is open."""
    threads = []

    def sends(*messages):
        def work():
            ours_on(channel, peer)
            for each in messages:
                peer.send(each)

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield sends
    for each in threads:
        each.join()


def test_frames_of_the_bus_arrive_with_the_time_of_their_arrival(sends, source):
    before = time.time()
    sends(*(message(*frame[:2]) for frame in sent(1)))
    found = [first_of(source) for _ in range(18)]
    assert [each[:2] for each in found] == [each[:2] for each in sent(1)]
    for _, data, stamp in found:
        assert isinstance(data, bytes)
        assert before <= stamp <= time.time()


NOT_OURS = [
    message(is_extended_id=True),
    message(0x10123, is_extended_id=True),
    message(data=None, is_remote_frame=True, dlc=8),
    message(is_error_frame=True),
    message(data=FRAME[1][:7]),
    message(data=FRAME[1], is_fd=True),
    *(message(can_id) for can_id in range(0x800) if can_id not in OUR_IDS),
]


def test_only_data_frames_of_batteries_pass(sends, source):
    """No extended, remote, error or short frame, no CAN FD, and no other id."""
    sends(*NOT_OURS, message())
    assert first_of(source)[:2] == FRAME[:2]


@pytest.mark.parametrize("foreign", NOT_OURS[:7], ids=str)
def test_the_gate_in_code_holds_without_the_filters_of_the_interface(foreign):
    """A few foreign frames slip in while a bus is opened."""
    assert not is_ours(foreign)
    assert is_ours(message())


def test_each_second_without_a_battery_is_a_tick_and_three_are_told(peer, source, caplog):
    """Foreign frames that get through the filters of the interface change nothing."""
    caplog.set_level(logging.INFO)
    begun = time.monotonic()
    assert [next(source) for _ in range(4)] == [Silence.SECOND] * 4
    assert 4 <= time.monotonic() - begun < 8
    peer.send(message())
    assert first_of(source)[:2] == FRAME[:2]
    name = caplog.messages[0].removesuffix(": open")
    assert caplog.messages == [
        f"{name}: open",
        f"{name}: no frames from any battery for 3 s",
        f"{name}: the batteries are back after 4 s",
    ]


def test_a_missing_interface_is_said_once_and_tried_again(caplog):
    """This kernel may know no CAN at all, or no can77: either is one line, in its words."""
    caplog.set_level(logging.INFO)
    source = iter(CanBus(Can(channel="can77")))
    assert [next(source) for _ in range(4)] == [Silence.SECOND] * 4
    [line] = caplog.messages
    assert line.startswith("can77: ")
    assert line.endswith("; retrying until it works")
    source.close()


def test_a_bus_that_breaks_is_opened_again(channel, peer, sends, caplog):
    """python-can says that the bus failed: closed, waited, opened; said once each way."""
    caplog.set_level(logging.INFO)
    source = iter(CanBus(Can(interface="virtual", channel=channel)))
    sends(message())
    assert first_of(source)[:2] == FRAME[:2]
    ours_on(channel, peer).put(Broken())
    assert next(source) is Silence.SECOND
    sends(message())
    assert first_of(source)[:2] == FRAME[:2]
    assert caplog.messages == [
        f"{channel}: open",
        f"{channel}: Network is down; retrying until it works",
        caplog.messages[2],
    ]
    assert caplog.messages[2].startswith(f"{channel}: back after ")
    source.close()


def test_a_link_that_is_down_is_said_once_however_often_it_opens(channel, peer, caplog):
    """Such an interface opens without an error, and fails at the first read."""
    caplog.set_level(logging.INFO)
    source = iter(CanBus(Can(interface="virtual", channel=channel)))
    over = threading.Event()

    def break_each():
        last = None
        while not over.is_set():
            for queue in list(can.interfaces.virtual.channels.get(channel, [])):
                if queue not in (peer.queue, last):
                    queue.put(Broken())
                    last = queue
            time.sleep(0.001)

    thread = threading.Thread(target=break_each)
    thread.start()
    assert [next(source) for _ in range(4)] == [Silence.SECOND] * 4
    over.set()
    thread.join()
    assert caplog.messages == [f"{channel}: Network is down; retrying until it works"]
    source.close()


class Broken:
    """What makes a real virtual bus fail like a SocketCAN one whose link is down."""

    @property
    def is_extended_id(self):
        down = OSError(100, "Network is down")
        raise can.CanOperationError("Error receiving: Network is down", 100) from down


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (
            Can(interface="gs_usb"),
            f"needs the Python package gs-usb; run '{sys.executable} -m pip install gs-usb'",
        ),
        (
            Can(interface="kvaser", channel="0"),
            "cannot be used here (name 'canGetNumberOfChannels' is not defined); "
            "install its driver, or choose another interface",
        ),
        (
            Can(interface="pcan"),
            "cannot be used here (pcanbasic library not found.); "
            "install its driver, or choose another interface",
        ),
        (Can(interface="socketcand"), "needs 'host' and 'port' to be set in [can] as well"),
        (Can(interface="cantact", channel="x"), "needs the Python package cantact"),
    ],
    ids=lambda each: getattr(each, "interface", ""),
)
def test_what_can_never_work_is_not_tried_again(config, problem):
    with pytest.raises(ImpossibleError, match=re.escape(problem)) as caught:
        next(iter(CanBus(config)))
    assert str(caught.value).startswith(f"[can] interface = {config.interface}: ")


def test_a_bit_rate_that_an_adapter_does_not_have_can_never_work():
    with SerialAdapter() as adapter:
        config = Can("slcan", adapter.name, 7, options=(("sleep_after_open", 0.0),))
        with pytest.raises(ImpossibleError, match="Invalid bitrate, choose one of 10000, "):
            next(iter(CanBus(config)))


def test_files_and_variables_of_python_can_are_ignored(monkeypatch, tmp_path, channel, sends):
    """The INI is the one place that says which bus is read."""
    (tmp_path / ".can").write_text("[default]\ninterface = kvaser\nrx_queue_size = 1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CAN_CONFIG", '{"preserve_timestamps": "no", "receive": 1}')
    source = CanBus(Can(interface="virtual", channel=channel)).opened()
    sends(*(message(*frame[:2]) for frame in sent(1)))
    assert len([first_of(source) for _ in range(18)]) == 18
    source.close()


class BusyBus(VirtualBus):
    """As on a computer that has much else to do: soon each message takes its time."""

    def recv(self, timeout=None):
        found = super().recv(timeout)
        self.count = getattr(self, "count", 0) + 1
        time.sleep(2 * WAITED_S if found and self.count > FRAMES_PER_BURST else 0)
        return found


def halted(bus, peer):
    """How late the bursts of one battery are said to have come: one was read, and five are read
    at once after a halt."""
    batches = Reader(bus, Damage("x")).batches()

    def burst():
        for frame in sent(1):
            peer.send(message(*frame[:2]))
        return time.time()

    def came(count):
        times = []
        while len(times) < count:
            times += [at for can_id, data, at in next(batches) if (can_id, data[0]) == FIRST]
        return times

    begun = burst()
    found = came(1)
    while next(batches):
        pass
    for cycle in range(1, 6):
        time.sleep(max(begun + cycle * CYCLE_S - time.time(), 0))
        burst()
    found += came(5)
    batches.close()
    return [at - begun - cycle * CYCLE_S for cycle, at in enumerate(found)]


@pytest.mark.parametrize("kind", [VirtualBus, BusyBus])
def test_bursts_that_waited_come_when_they_were_due(channel, peer, kind):
    with kind(channel=channel) as bus:
        late = halted(bus, peer)
    assert all(abs(each) < 0.5 for each in late), late


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(19, "No such device"), "No such device"),
        (
            can.CanOperationError("hardware handle in use", 10),
            "hardware handle in use [Error Code 10]",
        ),
        (can.CanInitializationError("no adapter"), "no adapter"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_reason_is_given_in_the_words_of_the_system(error, words):
    assert reason(error) == words
