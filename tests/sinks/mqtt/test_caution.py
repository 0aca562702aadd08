"""Which array is at fault when connections end again and again, and when none is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.sinks.mqtt.caution import BROKEN, HOLD_S, IN_FLIGHT, TRIES, Caution


def broken(caution, times, *in_flight, fair=True, lasted_s=0.01):
    for _ in range(times):
        caution.ended(list(in_flight), fair, lasted_s)


def test_after_two_broken_connections_one_array_is_sent_at_a_time():
    caution = Caution()
    broken(caution, 1, 1, 2, 3)
    assert caution.window == IN_FLIGHT
    broken(caution, 1, 1, 2, 3)
    assert caution.window == 1
    for _ in range(IN_FLIGHT):
        assert caution.window == 1
        caution.acknowledged()
    assert caution.window == IN_FLIGHT


def test_a_connection_that_ends_with_nothing_in_flight_is_not_broken():
    caution = Caution()
    broken(caution, 10)
    assert caution.window == IN_FLIGHT
    assert caution.suspect is None


def test_an_array_is_doubted_after_five_connections_that_ended_with_it_alone():
    caution = Caution()
    broken(caution, BROKEN, 7, 8)
    broken(caution, TRIES - 1, 7)
    assert (caution.suspect, caution.tests) == (7, False)
    broken(caution, 1, 7)
    assert (caution.suspect, caution.tests) == (7, True)


def test_it_is_at_fault_if_it_ends_another_connection_behind_the_small_message():
    """A cluster that has lost a node ends connections for a while, whatever is sent."""
    caution = Caution()
    broken(caution, TRIES, 7)
    assert not caution.passed()
    assert (caution.suspect, caution.tests) == (7, False)  # it is sent once more
    broken(caution, 1, 7)
    assert caution.tests
    assert caution.passed()


def test_an_array_that_arrives_behind_the_small_message_was_not_at_fault():
    caution = Caution()
    broken(caution, TRIES, 7)
    assert not caution.passed()
    caution.acknowledged()
    assert caution.suspect is None
    broken(caution, TRIES, 7)
    assert not caution.passed()


@pytest.mark.parametrize(
    "between",
    [
        lambda caution: caution.acknowledged(),
        lambda caution: caution.ended([7], False, 0.01),  # its silence, or before `online`
        lambda caution: caution.ended([7, 8], True, 0.01),
        lambda caution: caution.ended([], True, 0.01),  # the small message did not pass
        lambda caution: caution.ended([8], True, 0.01),
    ],
    ids=["it arrived", "unfair", "not alone", "without it", "another"],
)
def test_whatever_else_ends_a_connection_clears_it_of_suspicion(between):
    caution = Caution()
    broken(caution, TRIES, 7)
    between(caution)
    assert caution.suspect != 7
    assert not caution.tests


def test_the_small_message_must_hold_far_longer_than_any_connection_with_the_array():
    caution = Caution()
    broken(caution, TRIES, 7)
    assert caution.hold_s == HOLD_S
    broken(caution, 1, 7, lasted_s=3.0)
    assert caution.hold_s == 30.0


@given(st.lists(st.sampled_from(["end", "arrive"]), max_size=100))
def test_while_arrays_arrive_now_and_then_none_is_doubted(events):
    """As with two clients of one id, or on a bad network."""
    caution, in_a_row = Caution(), 0
    for event in events:
        if event == "end":
            caution.ended([7], True, 0.01)
            in_a_row += 1
        else:
            caution.acknowledged()
            in_a_row = 0
        assert caution.tests == (in_a_row >= TRIES)
