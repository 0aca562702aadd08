"""The one loop: cycles of a bus, published when they wrap."""

from __future__ import annotations

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.bridge import Bridge
from eflexcan2mqtt.protocol.blocks import Silence
from eflexcan2mqtt.protocol.fields import field

from .support.bank import CYCLE_S, START, STATUS_FRAMES, cycles, published, sent, summary


def frames_of(bursts):
    return list(chain.from_iterable(bursts))


def test_each_cycle_is_published_when_it_wraps_and_the_last_at_the_end():
    bursts = frames_of(cycles([1, 2, 3], 3))
    assert summary(published(bursts)) == [
        [(1, 0), (2, 0), (3, 0)],
        [(1, 1), (2, 1), (3, 1)],
        [(1, 2), (2, 2), (3, 2)],
    ]


def test_the_first_frame_of_the_next_cycle_publishes_this_one():
    arrays = []
    bridge = Bridge(arrays.append)
    frames = frames_of(cycles([1, 2], 2))

    def watched():
        for index, frame in enumerate(frames):
            assert len(arrays) == (1 if index > 36 else 0)
            yield frame

    bridge.run(watched())
    assert len(arrays) == 2


@given(st.permutations(range(1, 16)))
def test_any_order_is_sorted_by_battery_number(order):
    arrays = summary(published(frames_of(cycles(order, 2))))
    assert arrays == [[(n, cycle) for n in range(1, 16)] for cycle in range(2)]


def test_a_lone_battery_is_a_bank():
    assert summary(published(frames_of(cycles([7], 3)))) == [[(7, 0)], [(7, 1)], [(7, 2)]]


def test_an_absent_battery_is_no_hindrance():
    """Battery 1, with which cycles began, leaves after the first."""
    bursts = list(cycles([1, 2, 3], 3))
    del bursts[6], bursts[3]
    assert summary(published(frames_of(bursts))) == [
        [(1, 0), (2, 0), (3, 0)],
        [(2, 1), (3, 1)],
        [(2, 2), (3, 2)],
    ]


def test_a_lost_status_frame_costs_that_battery_one_cycle():
    """A cycle with a hole in battery 2's STATUS holds the others only."""
    bursts = list(cycles([1, 2, 3], 3))
    del bursts[4][5]
    assert summary(published(frames_of(bursts)))[1] == [(1, 1), (3, 1)]


def test_a_hole_in_the_battery_that_begins_the_cycle_mixes_no_cycles():
    """Whichever frame of battery 1 is lost, no array holds objects of two cycles."""
    for hole in range(18):
        bursts = list(cycles([1, 2, 3], 3))
        del bursts[3][hole]
        assert summary(published(frames_of(bursts))) == [
            [(1, 0), (2, 0), (3, 0)],
            [(2, 1), (3, 1)],
            [(1, 2), (2, 2), (3, 2)],
        ], hole


def test_both_blocks_broken_still_mark_the_turn_of_a_battery():
    bursts = list(cycles([1, 2], 3))
    del bursts[2][STATUS_FRAMES + 2], bursts[2][4]
    assert summary(published(frames_of(bursts))) == [
        [(1, 0), (2, 0)],
        [(2, 1)],
        [(1, 2), (2, 2)],
    ]


def test_a_cycle_without_a_complete_battery_is_not_published():
    assert published([frame for burst in cycles([1], 3) for frame in burst[1:]]) == []


def test_three_silent_seconds_end_the_cycle():
    arrays = []
    bridge = Bridge(arrays.append)

    def frames():
        yield from [*sent(1), Silence.SECOND, Silence.SECOND]
        assert arrays == []
        yield from [Silence.SECOND] * 5
        assert len(arrays) == 1
        yield from sent(2, START + 60)

    bridge.run(frames())
    assert [[each["battery_number"] for each in array] for array in arrays] == [[1], [2]]


def test_one_bad_pack_does_not_silence_the_others_and_is_told_once(caplog):
    at = field("hardware_version").offset
    frames = []
    for burst in cycles([1, 2, 3], 4):
        for can_id, data, time in burst:
            bad = can_id == 0x102 and data[0] == 1 + at // 7
            garbage = bytes([len(frames) % 32])  # another one in each cycle
            frames.append((can_id, data[: 1 + at % 7] + garbage if bad else data, time))
    assert summary(published(frames)) == [[(1, n), (3, n)] for n in range(4)]
    [message] = caplog.messages
    assert message.startswith("battery 2: hardware_version: bytes ")


def test_a_pack_that_recovers_and_fails_again_is_told_again(caplog):
    at = field("hardware_version").offset
    frames = []
    for cycle in range(3):
        for can_id, data, time in sent(1, START + cycle * CYCLE_S):
            bad = cycle != 1 and can_id == 0x101 and data[0] == 1 + at // 7
            frames.append((can_id, data[: 1 + at % 7] + b"\0" if bad else data, time))
    assert len(published(frames)) == 1
    assert len(caplog.messages) == 2


def test_time_is_that_of_the_last_frame_in_whole_seconds():
    frames = sent(1, START + 0.995)
    assert frames[0][2] < START + 1 < frames[-1][2]
    assert published(frames)[0][0]["time"] == START + 1


def test_the_summary_counts_what_was_lost():
    frames = frames_of(cycles([1, 2], 2))
    del frames[5]
    bridge = Bridge([].append)
    bridge.run(frames)
    assert bridge.summary() == ("frames: 71, cycles: 2, dropped blocks: 1 incomplete, 1 no status")
