"""Which clock a recording goes by, and the times that its frames get."""

from __future__ import annotations

import math
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.clock import Clock, Kind, kind_of
from eflexcan2mqtt.sources.formats import Logged
from tests.support.bank import START

END = 1_700_000_000.0
BANK = [time for _, _, time in islice(simulator.frames(14, START), 14 * 18 * 20)]
"""When the frames of 20 whole cycles came."""


def since(start, times=BANK):
    return [round(each - times[0] + start, 6) for each in times]


def gaps(times=BANK, first=0.0):
    return [first, *(round(after - before, 6) for before, after in pairwise(times))]


def clock(stamps, gaps=True, end=END):
    logged = [Logged("can0", 0x101, False, "data", bytes(8), each) for each in stamps]
    return Clock(lambda: iter(logged), gaps, end)


def times(stamps, **options):
    return [time for time, _ in clock(stamps, **options)]


@pytest.mark.parametrize("count", [3, 40, len(BANK)])
@pytest.mark.parametrize(
    ("stamps", "kind"),
    [
        (BANK, Kind.ABSOLUTE),
        (since(0), Kind.ZERO),
        (since(331.42), Kind.START),
        (since(8331.42), Kind.START),
        (since(987_654_321 - 700_000_000), Kind.START),  # nine years up
        ([round(each, 3) for each in since(331.42)], Kind.START),  # several in a millisecond
        ([math.nan] * len(BANK), Kind.NONE),
    ],
)
def test_a_few_lines_tell_the_kind_of_clock(stamps, kind, count):
    assert kind_of(stamps[:count]) is kind


@pytest.mark.parametrize("first", [0.0, 0.7])
@pytest.mark.parametrize("count", [18 * 2, 500])
def test_what_grows_and_shrinks_are_gaps(first, count):
    assert kind_of(gaps(first=first)[:count]) is Kind.GAPS
    lone = [START + cycle * 1.012 + place * 0.0005 for cycle in range(40) for place in range(18)]
    assert kind_of(gaps(lone, first)[:count]) is Kind.GAPS


@pytest.mark.parametrize(
    "stamps", [since(331.42), since(0), gaps()], ids=["since boot", "since zero", "gaps"]
)
def test_frames_of_a_relative_clock_are_as_far_apart_as_recorded_and_the_last_is_at_the_end(stamps):
    found = times(stamps)
    assert found[-1] == pytest.approx(END)
    assert since(0, found) == pytest.approx(since(0), abs=1e-4)
    assert not clock(stamps).absolute


def test_absolute_times_need_no_end():
    assert times(BANK, end=0.0) == BANK
    assert clock(BANK).absolute


def test_frames_without_times_are_at_the_end():
    assert times([math.nan] * 3) == [END] * 3


def test_formats_that_have_no_gaps_have_a_start():
    assert clock(gaps(), gaps=False).kind is Kind.START


@pytest.mark.parametrize("stamps", [BANK, since(331.42)], ids=["absolute", "relative"])
@pytest.mark.parametrize("damaged", [0.5, 1e9, 1.8e9, 1e300, math.inf, math.nan, 20.0])
@pytest.mark.parametrize("place", [1, 3, 700, len(BANK) - 1])
def test_a_damaged_stamp_moves_only_its_own_frame_and_that_by_a_moment(stamps, damaged, place):
    found = times([*stamps[:place], damaged, *stamps[place + 1 :]])
    whole = times(stamps)
    others = [each for index, each in enumerate(found) if index != place]
    shift = found[0] - whole[0]  # the end, if that was damaged
    assert abs(shift) < 0.1
    assert others == pytest.approx([w + shift for i, w in enumerate(whole) if i != place], abs=1e-4)
    assert found[place] == pytest.approx(whole[place], abs=0.2)


@pytest.mark.parametrize("step", [-30.0, -300.0, 30.0, 31_536_000.0])
@pytest.mark.parametrize("place", [5, 100, 700])
@pytest.mark.parametrize("start", [START, 50_000.0])
def test_a_step_of_the_clock_stays_a_step_and_changes_no_kind(step, place, start):
    stamps = since(start)
    stepped = [*stamps[:place], *(each + step for each in stamps[place:])]
    assert clock(stepped).kind is kind_of(stamps)
    found = times(stepped)
    assert found[place] - found[place - 1] == pytest.approx(step, abs=1)
    assert since(0, found[place:]) == pytest.approx(since(0, stamps[place:]), abs=1e-4)


@pytest.mark.parametrize("place", [12, 700])
def test_a_clock_that_was_set_while_recording_tells_the_times_before(place):
    """A Pi without a clock begins in 1970."""
    stamps = [*since(25.3)[:place], *BANK[place:]]
    found = clock(stamps)
    assert found.absolute
    assert times(stamps) == pytest.approx(BANK, abs=0.1)


def test_a_clock_that_was_lost_while_recording_goes_on_from_there():
    stamps = [*BANK[:700], *since(25.3)[700:]]
    assert times(stamps) == pytest.approx(BANK, abs=0.1)


@given(st.lists(st.floats() | st.floats(0, 2e9)), st.booleans())
def test_any_stamps_give_each_frame_a_time(stamps, gaps):
    found = times(stamps, gaps=gaps)
    assert len(found) == len(stamps)
    assert all(map(math.isfinite, found))
