"""Adapters with a real peer: slcan on a pseudo-terminal, socketcand, multicast, damage, delay."""

from __future__ import annotations

import logging
import time
from contextlib import closing

import can
import pytest

from eflexcan2mqtt.protocol.blocks import CYCLE_S, Silence
from eflexcan2mqtt.settings.schema import Can
from eflexcan2mqtt.sources.can_bus import CanBus
from eflexcan2mqtt.sources.reader import MOST_DAMAGED
from tests.support.adapters import SerialAdapter, Socketcand, multicast, slcan_line
from tests.support.bank import published, sent
from tests.support.broker import LONGEST_WAIT_S, free_port

AT_ONCE = ("sleep_after_open", 0.0)
"""A pseudo-terminal needs no two seconds to wake up."""


@pytest.fixture
def adapter():
    with SerialAdapter() as adapter:
        yield adapter


@pytest.fixture
def bus(adapter):
    return CanBus(Can("slcan", adapter.name, options=(AT_ONCE,)))


@pytest.fixture
def events(bus):
    """What comes from the adapter, which is open."""
    with closing(iter(bus)) as events:
        assert next(events) is Silence.SECOND
        yield events


def next_frames(events, count):
    """The next frames behind any silence."""
    found = []
    deadline = time.monotonic() + LONGEST_WAIT_S
    while len(found) < count:
        assert time.monotonic() < deadline
        event = next(events)
        if event is not Silence.SECOND:
            found.append(event)
    return found


def ids_and_data(frames):
    return [frame[:2] for frame in frames]


def test_slcan_is_set_to_the_bit_rate_and_opened(adapter, bus):
    with closing(bus.opened()) as events:
        assert next(events) is Silence.SECOND
        assert b"S5\r" in adapter.wait_until_open()  # 250 kbit/s


def test_its_frames_come_with_the_time_of_their_arrival(adapter, events):
    before = time.time()
    adapter.send(sent(1))
    found = next_frames(events, 18)
    assert ids_and_data(found) == ids_and_data(sent(1))
    assert all(before <= frame[2] <= time.time() for frame in found)


@pytest.mark.parametrize("character", [b"X", b"\xff", b"\0", b"9", b"t"])
def test_a_damaged_character_costs_one_burst_and_nothing_else(adapter, bus, events, character):
    """Somewhere in a line, again and again."""
    lines = [slcan_line(frame) for frame in sent(1)]
    lines[4] = lines[4][:4] + character + lines[4][5:]
    for _ in range(3):
        adapter.send_bytes(b"".join(lines))
        adapter.send(sent(2))
    found = next_frames(events, 3 * 36 - 3)
    assert [frame[:2] for frame in found if frame[0] & 0xF == 2] == 3 * ids_and_data(sent(2))
    assert [[each["battery_number"] for each in array] for array in published(found)] == [[2]] * 3


def test_damaged_lines_are_counted_and_logged_at_the_first_and_the_tenth(
    adapter, bus, events, caplog
):
    for _ in range(12):
        adapter.send_bytes(b"t1018010203zz05060708\r")
        adapter.send(sent(1))
    next_frames(events, 12 * 18)
    assert bus.damaged == 12
    words = "damaged messages, the last one: non-hexadecimal number found in fromhex() arg at"
    assert [line.partition(" position")[0] for line in caplog.messages] == [
        f"{adapter.name}: skipped {count} {words}" for count in (1, 10)
    ]


def test_an_adapter_that_sends_nothing_but_damage_is_opened_again(adapter, bus, events, caplog):
    caplog.set_level(logging.INFO)
    adapter.wait_until_open()
    adapter.send_bytes(MOST_DAMAGED * b"t10z\r")
    while "only damaged messages" not in caplog.text:
        assert next(events) is Silence.SECOND
    assert caplog.messages[-1] == (
        f"{adapter.name}: only damaged messages; is the bit rate right?; retrying until it works"
    )
    while not caplog.messages[-1].startswith(f"{adapter.name}: back after "):
        assert next(events) is Silence.SECOND
    adapter.wait_until_open()
    adapter.send(sent(1))
    assert ids_and_data(next_frames(events, 18)) == ids_and_data(sent(1))


def test_an_adapter_that_is_pulled_is_opened_again(adapter, events, caplog):
    adapter.pull()
    while "retrying until it works" not in caplog.text:
        assert next(events) is Silence.SECOND


def test_bursts_that_waited_keep_their_own_seconds(adapter, events):
    """Nobody read for five cycles; what came meanwhile is read at once."""
    begun, late = time.time(), 0.0
    for cycle in range(6):
        time.sleep(max(begun + cycle * CYCLE_S - time.time(), 0))
        late = max(late, time.time() - begun - cycle * CYCLE_S)
        adapter.send(sent(1))
        adapter.send(sent(2))
        if not cycle:
            next_frames(events, 36)
    found = next_frames(events, 5 * 36)
    late += time.time() - begun - 5 * CYCLE_S
    arrays = published(found)
    assert [[each["battery_number"] for each in array] for array in arrays] == [[1, 2]] * 5
    for battery in (0x101, 0x102):
        came = [frame[2] for frame in found if frame[0] == battery and frame[1][0] == 1]
        meant = [begun + cycle * CYCLE_S for cycle in range(1, 6)]
        assert came == pytest.approx(meant, abs=0.3 + late)  # a busy machine keeps no pace
    assert all(frame[2] <= time.time() for frame in found)


@pytest.fixture
def server():
    with Socketcand() as server:
        yield server


def socketcand(server):
    return CanBus(Can("socketcand", options=(("host", "127.0.0.1"), ("port", server.port))))


def test_frames_come_from_a_socketcand(server):
    """Its clock is not ours."""
    with closing(iter(socketcand(server))) as events:
        assert next(events) is Silence.SECOND
        server.wait_until_open()
        before = time.time()
        server.send(sent(1))
        found = next_frames(events, 18)
        assert ids_and_data(found) == ids_and_data(sent(1))
        assert all(before <= frame[2] <= time.time() for frame in found)


def test_a_socketcand_that_hangs_up_is_called_again(server, caplog):
    caplog.set_level(logging.INFO)
    with closing(iter(socketcand(server))) as events:
        assert next(events) is Silence.SECOND
        server.wait_until_open()
        server.hang_up()
        while "retrying" not in caplog.text:
            next(events)
        while "back after" not in caplog.text:
            next(events)
        server.wait_until_open()
        server.send(sent(1))
        assert ids_and_data(next_frames(events, 18)) == ids_and_data(sent(1))
    ours = [each.getMessage() for each in caplog.records if "eflexcan2mqtt" in each.name]
    assert ours[:2] == ["can0: open", "can0: Connection reset by peer; retrying until it works"]


def test_a_missing_socketcand_costs_no_processor_time(caplog):
    """python-can tries for ten seconds without a pause: three of them would cost two or more."""
    config = Can("socketcand", options=(("host", "127.0.0.1"), ("port", free_port())))
    with closing(iter(CanBus(config))) as events:
        assert next(events) is Silence.SECOND  # what it needs is imported now
        begun = time.process_time()
        assert [next(events) for _ in range(3)] == [Silence.SECOND] * 3
    assert time.process_time() - begun < 1
    assert caplog.messages == ["can0: Connection refused; retrying until it works"]


def test_what_is_no_socketcand_is_said(broker, caplog):
    """It waits for us to begin."""
    config = Can("socketcand", options=(("host", "127.0.0.1"), ("port", broker.port)))
    with closing(iter(CanBus(config))) as events:
        assert next(events) is Silence.SECOND
    assert caplog.messages == [
        f"can0: no socketcand answers at 127.0.0.1:{broker.port}; retrying until it works"
    ]


def test_frames_come_over_multicast():
    group = multicast()
    options = tuple((key, value) for key, value in group.items() if key != "channel")
    bus = CanBus(Can("udp_multicast", group["channel"], options=options))
    with (
        closing(iter(bus)) as events,
        can.Bus(interface="udp_multicast", ignore_config=True, **group) as peer,
    ):
        assert next(events) is Silence.SECOND
        for can_id, data, _ in sent(1):
            peer.send(can.Message(arbitration_id=can_id, data=data, is_extended_id=False))
        assert ids_and_data(next_frames(events, 18)) == ids_and_data(sent(1))
