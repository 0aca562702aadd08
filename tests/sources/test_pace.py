"""Recordings are played at their pace, whatever their clock did."""

from __future__ import annotations

import time

import pytest

from eflexcan2mqtt.protocol.blocks import Silence
from eflexcan2mqtt.sources import pace
from eflexcan2mqtt.sources.pace import Paced

LONGEST_S = 20.0
"""Of what takes less than a second on a machine that is not busy."""


def frames(*times):
    return [(0x101, b"", each) for each in times]


def took(played):
    begun = time.monotonic()
    list(played)
    return time.monotonic() - begun


@pytest.mark.parametrize(("speed", "seconds"), [(20, 0.4), (40, 0.2), (10, 0.8)])
def test_speed_is_a_factor(speed, seconds):
    """Eight seconds of frames; a busy machine may need some more than it should."""
    assert seconds <= took(Paced(frames(100.0, 100.001, 104.0, 108.0), speed)) < 8


def test_speed_zero_waits_for_nothing():
    assert took(Paced(frames(0.5, 1e9), 0)) < LONGEST_S


def test_a_clock_set_back_is_not_waited_for():
    assert took(Paced(frames(1e9, 5.0, 5.1), 1)) < LONGEST_S


def test_a_clock_set_forward_is_waited_for_no_longer_than_the_bound(monkeypatch):
    monkeypatch.setattr(pace, "LONGEST_WAIT_S", 0.2)
    assert 0.2 <= took(Paced(frames(5.0, 1e9), 1)) < LONGEST_S


def test_silence_passes_through_and_time_is_the_newest_frames():
    played = Paced([*frames(5.0), Silence.SECOND, *frames(7.0)], 0)
    assert list(played) == [*frames(5.0), Silence.SECOND, *frames(7.0)]
    assert played.time == 7.0


def test_a_wait_has_a_silence_each_second_in_which_time_goes_on():
    """As on a bus: those who watch it learn that nothing comes."""
    played = Paced(frames(5.0, 10.0), 2)
    times = [played.time if event is Silence.SECOND else event[2] for event in played]
    assert times in ([5.0, 7.0, 10.0], [5.0, 7.0, 9.0, 10.0])


@pytest.mark.parametrize("first", [frames(5.0), []])
def test_a_silence_of_the_source_takes_its_time(first):
    """Of a simulator; that of a live input has passed already."""
    played = Paced([*first, *[Silence.SECOND] * 8, *frames(13.2)], 20)
    assert 0.4 <= took(played) < 8
    assert played.time == 13.2


def test_time_goes_on_in_a_silence_of_the_source():
    played = Paced([*frames(5.0), Silence.SECOND, Silence.SECOND], 0)
    assert [played.time for _ in played] == [5.0, 6.0, 7.0]
