"""Each field has rules or a reason why it cannot; recordings that we know keep them."""

from __future__ import annotations

from collections import Counter
from itertools import takewhile

import pytest

from eflexcan2mqtt.protocol.blocks import CYCLE_S, burst
from eflexcan2mqtt.protocol.evidence.rules import RULES, UNTESTABLE, rules_of
from eflexcan2mqtt.protocol.evidence.tally import Tally
from eflexcan2mqtt.protocol.fields import CONFIRMED, DERIVED, FIELDS
from eflexcan2mqtt.sources.recording import Recording
from eflexcan2mqtt.sources.simulated_bank import Bank
from eflexcan2mqtt.sources.simulator import frames
from tests.support.bank import CAPTURES, START
from tests.test_captures import LOGS

from .recorded import broken, counts, judged, never_met, recorded

KEYS = {each.key for each in FIELDS}

BROKEN = {
    # Made from the arrays in the documents of the first program: bytes that they do not show are
    # 0, and serial numbers are masked.
    "documented_example.log": {
        "the second pair of digits of battery_id is a month, or 00",
        "voltage_at_68 is pre_volt to 0.2 V above it",
        "max_temp_num is the first probe with the greatest temperature",
        "max_temp_num is a probe with the greatest temperature, 1 °C off at most",
        "min_temp_num is the first probe with the least temperature",
        "min_temp_num is a probe with the least temperature, 1 °C off at most",
        "discharge_current_limit is 60.0 A",
        "state_of_health is 100 %",
        *("bytes 12 to 13 of STATUS are 01", "byte 19 of STATUS is 01 or 02"),
        *("byte 20 of STATUS is 2A or 2E", "byte 62 of STATUS is 01", "byte 76 of STATUS is 01"),
    },
    "lost_frames.log": {"a frame has the marker that follows that of the frame before it"},
    # The two blocks of battery 2 are two snapshots; the last cycle lacks its first frame.
    "three_batteries_fw4006.log": {
        "min_cell_voltage is the least of cell_voltages",
        "min_cell_voltage_num is the first cell with the least voltage",
        "max_temp is the greatest of temps",
        "average_temp is the mean of temps, rounded down",
        "a frame has the marker that follows that of the frame before it",
    },
}
"""The rules that a capture breaks.  Others are a discovery: docs/decoding.md should name them."""

ONLY_WITH_A_FAULT = {"the charge or the discharge relay is open where alarm_level_1 is not 0"}


def test_each_field_has_rules_or_a_reason_why_it_has_none():
    supported = {key for rule in RULES for key in rule.supports}
    assert supported | UNTESTABLE.keys() == KEYS
    assert supported & UNTESTABLE.keys() == set()


def test_each_field_that_is_derived_has_rules():
    derived = [each.key for each in FIELDS if each.evidence == DERIVED]
    assert derived
    assert [key for key in derived if not rules_of(key)] == []


def test_what_no_rule_can_test_is_known_from_the_vendor():
    words = {each.key: each.evidence for each in FIELDS}
    assert {words[key] for key in UNTESTABLE} == {CONFIRMED}


def test_rules_name_fields_that_there_are_and_no_sentence_is_there_twice():
    for rule in RULES:
        assert {*rule.supports, *rule.beside} <= KEYS, rule.sentence
    assert max(Counter(rule.sentence for rule in RULES).values()) == 1


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_a_capture_breaks_only_rules_of_which_we_know_it(log):
    """One that is not published may break any."""
    tally = Tally()
    assert tally.add(log.name, Recording(str(log)))["bursts"]
    if log.parent == CAPTURES or log.name in BROKEN:
        assert broken(tally.report()) == BROKEN.get(log.name, set())


def test_the_simulator_breaks_no_rule_but_that_it_counts_single_units_of_energy():
    tally = Tally()
    tally.add("simulated", takewhile(lambda frame: frame[2] < START + 30, frames(3, START)))
    assert broken(tally.report()) <= {"lifetime_discharge_energy rises in steps of 5"}
    assert counts(tally.report())["batteries send in ascending order"][1] == 30


def test_a_simulated_day_meets_all_other_rules():
    """With ten minutes between two cycles, which come as if it was a second."""
    bank = Bank(3, 1)
    sent = [
        (can_id, data, round(START + cycle * CYCLE_S + number * 0.02 + at * 0.0005, 6))
        for cycle in range(24 * 6)
        for number, payloads in enumerate(bank.step(600), 1)
        for at, (can_id, data) in enumerate(burst(number, *payloads))
    ]
    tally = Tally()
    tally.add("day", sent)
    assert broken(tally.report()) == {"lifetime_discharge_energy rises in steps of 5"}
    assert never_met(tally.report()) == ONLY_WITH_A_FAULT


def test_a_relay_opens_with_an_alarm_of_level_1():
    """As in the simulator's fault; no recording of a real one is known."""
    alarm = {"alarm_level_1": 4, "charge_relay_status": "Break"}
    assert broken(judged(recorded(here=alarm, at=(1, 2)))) == set()
