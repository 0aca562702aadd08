"""Each burst gets the time at which it came, also if it is read late.

Times are counted from when the adapter was opened; the clock of the day is ahead of it by DAY.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.blocks import CYCLE_S
from eflexcan2mqtt.sources.arrivals import Arrivals
from tests.support.bank import cycles, published, sent, summary

DAY = 1_700_000_000.0
BURSTS = [sent(battery) for battery in range(1, 15)]


def read(batches):
    """The frames of (time of the read, frames, when nothing waited for the last time) batches."""
    arrivals = Arrivals(0.0)
    frames = []
    for now, batch, empty in batches:
        arrivals.nothing_waited(empty)
        frames += arrivals.stamped(batch, now, DAY + now)
    return frames


def begins(can_id, data, battery):
    return can_id == 0x100 + battery and data[0] == 1


def times(frames, battery):
    """When each burst of a battery came, in seconds since the adapter was opened."""
    return [
        pytest.approx(time - DAY, abs=5e-3)
        for can_id, data, time in frames
        if begins(can_id, data, battery)
    ]


def at_once(bursts):
    """Each of (time, frames) read when it came."""
    return [(now, frames, now - 0.1) for now, frames in bursts]


def live(batteries, count, start=1.0):
    """Each burst of so many cycles, read when it came."""
    return at_once((burst[0][2], burst) for burst in cycles(batteries, count, start))


def test_what_is_read_at_once_came_when_it_was_read():
    frames = read(live([1, 2], 3))
    assert times(frames, 1) == [1.0, 1.0 + CYCLE_S, 1.0 + 2 * CYCLE_S]
    assert times(frames, 2) == [1.02, 1.02 + CYCLE_S, 1.02 + 2 * CYCLE_S]


@st.composite
def banks(draw):
    """A bank's bursts as (time, number), in order, about 20 s of them."""
    batteries = draw(st.integers(1, 14))
    period = draw(st.floats(1.011, 1.013))
    return sorted(
        (1 + cycle * period + 0.02 * number, number)
        for cycle in range(20)
        for number in range(batteries)
    )


def assert_own_seconds(frames, bursts, tolerance):
    """Each burst has the time at which it came, and no two of a battery the same second."""
    for number in {number for _, number in bursts}:
        came = [time - DAY for can_id, data, time in frames if begins(can_id, data, number + 1)]
        truth = [at for at, each in bursts if each == number]
        assert came == pytest.approx(truth, abs=tolerance)
        assert all(round(DAY + b) > round(DAY + a) for a, b in pairwise(came))


@given(bursts=banks(), stalled=st.floats(3, 5), stall=st.floats(0, 12), pieces=st.integers(1, 5))
def test_each_burst_that_waited_keeps_its_own_second(bursts, stalled, stall, pieces):
    """Whenever the process is held up, for however long, and in whatever pieces it reads then."""
    resumed = stalled + stall
    before = [(at, BURSTS[number]) for at, number in bursts if at <= stalled]
    waited = [frame for at, number in bursts if stalled < at <= resumed for frame in BURSTS[number]]
    behind = [(at, BURSTS[number]) for at, number in bursts if at > resumed]
    size = len(waited) // pieces + 1
    late = [
        (resumed + 0.001 * piece, waited[piece * size : (piece + 1) * size], stalled)
        for piece in range(pieces)
    ]
    assert_own_seconds(read([*at_once(before), *late, *at_once(behind)]), bursts, 0.15)


@given(bursts=banks(), random=st.randoms(use_true_random=False))
def test_delays_that_come_and_go_move_no_burst_into_the_second_of_another(bursts, random):
    """Of a computer or an adapter that is busy now and then."""
    late = [
        (at + random.choice([0, 0, 0, 0.01, 0.2, 0.7]) * (at > 2), number) for at, number in bursts
    ]
    frames = read(at_once((at, BURSTS[number]) for at, number in sorted(late)))
    assert_own_seconds(frames, bursts, 0.2)


@given(bursts=banks(), random=st.randoms(use_true_random=False))
def test_lost_bursts_move_no_other(bursts, random):
    kept = [each for each in bursts if each[0] < 2 or random.random() < 0.7]
    assert_own_seconds(read(at_once((at, BURSTS[number]) for at, number in kept)), kept, 0.15)


@given(bursts=banks(), outage=st.floats(2.1, 12))
def test_what_waited_elsewhere_keeps_its_own_seconds(bursts, outage):
    """On a network that stood still, while this process found nothing to read."""
    back = 4 + outage
    before = [(at, BURSTS[number]) for at, number in bursts if at <= 4]
    waited = [frame for at, number in bursts if 4 < at <= back for frame in BURSTS[number]]
    behind = [(at, BURSTS[number]) for at, number in bursts if at > back]
    frames = read(at_once([*before, (back, waited), *behind]))
    assert_own_seconds(frames, bursts, 0.15)


def test_a_backlog_of_a_bank_that_was_not_heard_before_ends_within_a_cycle():
    """An adapter that was left open: what waited came before, in its own seconds."""
    backlog = [frame for burst in cycles([1, 2], 5) for frame in burst]
    frames = read([(10.0, backlog, 0.0), *live([1, 2], 2, start=10.01)])
    assert times(frames, 1)[:5] == [10.0 - CYCLE_S * back for back in (5, 4, 3, 2, 1)]
    assert times(frames, 1)[5:] == [10.0, 10.0 + CYCLE_S]
    assert [[battery for battery, _ in each] for each in summary(published(frames))] == [[1, 2]] * 7


def test_a_battery_that_comes_back_after_an_hour_comes_when_it_is_read():
    assert times(read(at_once([(1.0, sent(1)), (3600.5, sent(1))])), 1) == [1.0, 3600.5]


def test_a_burst_that_is_cut_by_a_halt_stays_whole():
    """Its first frames were read at once, the others seconds later."""
    burst = sent(1)
    frames = read([(1.0, burst[:7], 0.9), (6.0, burst[7:] + sent(1), 0.95)])
    assert len(published(frames)) == 2
    assert times(frames, 1) == [1.0, 1.0 + CYCLE_S]


def test_a_status_is_not_joined_to_the_cells_of_a_later_cycle():
    """The frames between them were lost on the way."""
    burst = sent(1)
    assert published(read(at_once([(1.0, burst[:11]), (1.0 + CYCLE_S, burst[11:])]))) == []


def test_no_frame_comes_after_it_was_read():
    frames = read(at_once([(1.0, sent(1)), (1.6, sent(1)), (1.7, sent(1) + sent(1))]))
    assert all(time <= DAY + 1.7 for _, _, time in frames)
