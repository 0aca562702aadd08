"""The reading of SocketCAN on any kernel: a pair of sockets passes datagrams as a CAN bus does.

What only a CAN interface shows is in tests/system.
"""

from __future__ import annotations

import socket
import struct
import threading
import time

import pytest

from eflexcan2mqtt.protocol.blocks import OUR_IDS, Silence
from eflexcan2mqtt.sources import socketcan
from tests.support.bank import sent

LOOPBACK = "lo"
EXTENDED, REMOTE, ERROR = 0x8000_0000, 0x4000_0000, 0x2000_0000


@pytest.fixture
def ends():
    """That of the batteries, and ours."""
    theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with theirs, ours:
        yield theirs, ours


@pytest.fixture
def wire(ends):
    return ends[0]


@pytest.fixture
def received(ends):
    frames = socketcan.received(ends[1], LOOPBACK, socketcan.Overflows())
    yield frames
    frames.close()


def put(wire, can_id, data, length=8):
    wire.send(struct.pack("=IB3x8s", can_id, length, data))


def test_frames_come_as_they_were_sent_with_the_kernels_time(wire, received):
    put(wire, 0x101, bytes(8))
    next(received)  # from here on the kernel stamps what comes
    frames = sent(3)
    before = time.time()
    for can_id, data, _ in frames:
        put(wire, can_id, data)
    after = time.time()
    time.sleep(0.2)  # it is late, and knows when they came
    found = [next(received) for _ in frames]
    assert [frame[:2] for frame in found] == [frame[:2] for frame in frames]
    assert before - 0.001 <= found[0][2] <= found[-1][2] <= after + 0.001


@pytest.mark.parametrize(
    ("can_id", "length"),
    [(0x100, 8), (0x110, 8), (0x101, 7), (0x101 | EXTENDED, 8), (0x101 | REMOTE, 8), (ERROR, 8)],
)
def test_what_is_no_batterys_is_left_out(wire, received, can_id, length):
    put(wire, can_id, b"\1" * length, length)
    put(wire, 0x102, b"\1" * 8)
    assert next(received)[0] == 0x102


def test_a_silent_second_is_a_tick(received):
    begun = time.monotonic()
    assert [next(received), next(received)] == [Silence.SECOND] * 2
    assert 1.8 < time.monotonic() - begun < 10


@pytest.mark.parametrize("pause", [0.05, 0.7])
def test_ticks_come_also_where_only_foreign_frames_do_and_not_twice_as_often(wire, received, pause):
    over = threading.Event()

    def chatter():
        while not over.wait(pause):
            put(wire, 0x100, bytes(8))

    foreign = threading.Thread(target=chatter)
    foreign.start()
    begun = time.monotonic()
    try:
        assert [next(received) for _ in range(3)] == [Silence.SECOND] * 3
        assert 2.5 < time.monotonic() - begun < 15
    finally:
        over.set()
        foreign.join()


def test_the_kernel_passes_data_frames_of_our_two_rows_of_ids_alone():
    """Also on a 32-bit system, where Python's own flags are negative."""
    pairs = list(struct.iter_unpack("=II", socketcan.FILTERS))

    def passes(can_id):
        return any(can_id & mask == wanted & mask for wanted, mask in pairs)

    assert {each for each in range(0x800) if passes(each)} == OUR_IDS | {0x100, 0x600}
    assert not any(passes(each | flag) for each in OUR_IDS for flag in (EXTENDED, REMOTE))
