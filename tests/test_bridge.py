"""The one loop: cycles of a bus, published when they wrap."""

from __future__ import annotations

import logging
import re
from itertools import chain
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.bridge import Bridge
from eflexcan2mqtt.protocol.blocks import Silence
from eflexcan2mqtt.protocol.fields import field

from .support.bank import CYCLE_S, START, STATUS_FRAMES, cycles, published, sent, summary
from .support.faults import seen


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


def lossy(frames, share, seed=1):
    """The frames of a bus that loses a share of them."""
    random = Random(seed)
    return [frame for frame in frames if random.random() >= share]


def test_a_lossy_bus_is_reported_once_while_it_is_and_once_when_it_is_over(caplog):
    """No array comes at 30 %, and only the log and the health of the bus say why."""
    caplog.set_level(logging.INFO)
    bad = lossy(frames_of(cycles(list(range(1, 15)), 180)), 0.3)
    good = frames_of(cycles(list(range(1, 15)), 100, START + 180 * CYCLE_S))
    states = []
    bridge = Bridge(lambda _: states.append(bridge.health()["lossy"]))
    bridge.run(bad + good)
    begin, end = caplog.messages
    seen("the bus loses more than 5 % of the bursts", "\n".join(caplog.messages))
    assert re.fullmatch(
        r"the bus is lossy: (9\d|100) % of the bursts of the last minute are incomplete"
        r"(, all those of number [\d, ]+)?; check the bit rate, wiring and termination, whether "
        r"the adapter loses frames, and whether two batteries have one number",
        begin,
    )
    assert re.fullmatch(
        r"the bus is no longer lossy: \d % of the bursts of the last minute are incomplete", end
    )
    assert states[-1] is False


def test_a_battery_whose_bursts_are_never_complete_is_named(caplog):
    bursts = list(cycles([1, 2, 3, 4], 70))
    frames = frames_of(burst[:5] if burst[0][0] == 0x103 else burst for burst in bursts)
    bridge = Bridge(lambda _: None)
    bridge.run(frames)
    seen("the bursts of one battery are never complete", caplog.text)
    assert bridge.health()["never_complete"] == [3]
    assert bridge.bus().incomplete == {3}


def two_of_one_number(apart_s):
    for cycle in range(70):
        yield sent(1, START + cycle * CYCLE_S)
        first = sent(3, START + cycle * CYCLE_S + 0.02, battery_id="2205075E0604")
        other = sent(3, START + cycle * CYCLE_S + 0.02 + apart_s, battery_id="2245075E0112")
        yield sorted(first + other, key=lambda frame: frame[2])


def test_two_batteries_under_one_number_are_reported(caplog):
    frames = frames_of(two_of_one_number(0.3))
    arrays = published(frames)
    seen("two batteries send under one number", caplog.text)
    bridge = Bridge(lambda _: None)
    bridge.run(frames)
    assert bridge.bus().two_batteries == (3,)
    assert len(arrays) > 70
    assert_once(arrays)


def test_two_batteries_that_send_at_once_under_one_number_are_reported(caplog):
    arrays = published(frames_of(two_of_one_number(0.00025)))
    seen("two batteries send under one number at the same time", caplog.text)
    assert {each["battery_number"] for array in arrays for each in array} == {1}


def assert_once(arrays):
    for array in arrays:
        numbers = [each["battery_number"] for each in array]
        assert len(set(numbers)) == len(numbers)


@given(
    st.lists(st.tuples(st.integers(1, 3), st.floats(0, 3)), max_size=12),
    st.lists(st.tuples(st.integers(0, 100), st.sampled_from([-86_400.0, 4.0, 3e7])), max_size=3),
)
def test_a_battery_is_in_an_array_once_whatever_overlaps_and_whatever_stamps_are_damaged(
    bursts, damage
):
    frames = sorted(
        (frame for battery, at in bursts for frame in sent(battery, START + at)),
        key=lambda frame: frame[2],
    )
    for place, step in damage:
        if place < len(frames):
            can_id, data, time = frames[place]
            frames[place] = (can_id, data, time + step)
    assert_once(published(with_silence(frames)))


def with_silence(frames):
    """As a recording gives them: three silent seconds where the stamps have a gap."""
    newest = START
    for frame in frames:
        if frame[2] - newest > 3:
            yield from [Silence.SECOND] * 3
        newest = frame[2]
        yield frame
