"""What outputs show of a battery beside its reading is decided once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.facts import ALARMS, facts, flow, marked_cells
from eflexcan2mqtt.protocol.fields import ALARM_STATES
from tests.support.bank import FULL


def facts_of(**changes):
    return facts({**FULL[0], **changes})


def test_the_facts_of_an_idle_battery():
    assert facts(FULL[0]) == {
        "power": -15.9,
        "flow": "at rest",
        "cell_spread": 0,
        "cell_median": 3319.0,
        "marked_cells": {},
        "alarm": "no alarm",
        "problem": False,
        "relays": "closed",
    }


@pytest.mark.parametrize(
    ("amps", "word"),
    [
        *((-30.0, "discharging"), (-0.6, "discharging"), (-0.5, "at rest"), (-0.3, "at rest")),
        *((0.0, "at rest"), (0.5, "at rest"), (0.6, "charging"), (30.0, "charging")),
    ],
)
def test_the_currents_that_idle_batteries_send_are_rest(amps, word):
    assert flow(amps) == word
    assert facts_of(battery_current=amps)["flow"] == word


@pytest.mark.parametrize(
    ("first", "last", "marked"),
    [
        (3300, 3320, {}),
        (3300, 3321, {16: "highest"}),
        (3279, 3300, {1: "lowest"}),
        (3279, 3340, {1: "lowest", 16: "highest"}),
    ],
)
def test_the_highest_and_the_lowest_cell_are_marked_beyond_20_millivolts(first, last, marked):
    assert marked_cells([first, *[3300] * 14, last]) == marked


@given(st.lists(st.integers(0, 65_535), min_size=16, max_size=16))
def test_a_marked_cell_is_the_first_with_its_voltage(cells):
    for number, word in marked_cells(cells).items():
        extreme = max(cells) if word == "highest" else min(cells)
        assert cells.index(extreme) == number - 1


@pytest.mark.parametrize(
    ("alarm", "problem"), [("1", True), ("2", True), ("3", False), ("Normal", False)]
)
def test_a_level_3_alarm_is_no_problem(alarm, problem):
    """A bank that is merely full has it on every battery."""
    assert facts_of(alarm_status=alarm)["problem"] == problem


def test_every_alarm_has_its_words():
    assert set(ALARMS) == set(ALARM_STATES)


@pytest.mark.parametrize(
    ("charge", "discharge", "words"),
    [
        ("Make", "Make", "closed"),
        ("Break", "Make", "charge open"),
        ("Make", "Break", "discharge open"),
        ("Break", "Break", "charge, discharge open"),
    ],
)
def test_open_relays_are_named(charge, discharge, words):
    found = facts_of(charge_relay_status=charge, discharge_relay_status=discharge)
    assert found["relays"] == words
