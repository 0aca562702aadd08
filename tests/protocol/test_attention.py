"""What needs attention: when each kind of finding begins and ends, and what it says."""

from __future__ import annotations

import re

import pytest

from eflexcan2mqtt.protocol.attention import PAUSE_S
from eflexcan2mqtt.protocol.facts import PROBLEMS, WARNINGS
from eflexcan2mqtt.protocol.limits import LIMITS, PROBLEM, SEVERITIES
from tests.protocol.attention_feeds import (
    CASES,
    FIRST,
    FLAT,
    KINDS,
    Fed,
    battery,
    cells,
    cycle,
    found,
    limit,
    loaded,
    others,
    probes,
)


def test_every_kind_has_a_case():
    assert list(CASES) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_finding_begins_when_its_time_is_over(kind):
    fed = Fed().feed(CASES[kind].fine, 10).feed(CASES[kind].beyond, limit(kind).after_s)
    assert kind not in fed.kinds
    fed.feed(CASES[kind].beyond, 1)
    assert fed.begun == [(10 + limit(kind).after_s, kind)]
    [finding] = fed.attention.findings
    assert finding.sentence == CASES[kind].sentence
    assert (finding.kind, finding.severity) == (kind, limit(kind).severity)
    # Since when it was so, not since when that was found.
    assert finding.since == FIRST + 10


@pytest.mark.parametrize("kind", [kind for kind in KINDS if limit(kind).after_s])
def test_what_passes_before_its_time_is_over_is_no_finding(kind):
    fed, case = Fed(), CASES[kind]
    for _ in range(3):
        fed.feed(case.fine, 2).feed(case.beyond, limit(kind).after_s)
    assert fed.feed(case.fine, 2).begun == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if CASES[kind].within])
def test_a_finding_does_not_end_until_its_value_is_well_back(kind):
    fed = found(kind).feed(CASES[kind].within, 3 * limit(kind).clear_s)
    assert fed.kinds == [kind]
    assert fed.ended == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if CASES[kind].within])
def test_a_value_below_the_limit_begins_no_finding(kind):
    assert Fed().feed(CASES[kind].within, 3 * limit(kind).after_s).begun == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_finding_ends_when_it_has_been_over_for_its_time(kind):
    fed = found(kind).feed(CASES[kind].fine, limit(kind).clear_s)
    assert fed.ended == []
    over = fed.now
    fed.feed(CASES[kind].fine, 1)
    assert fed.ended == [(over, kind)]
    assert fed.kinds == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if limit(kind).clear_s])
def test_a_short_recovery_ends_nothing_and_begins_nothing_anew(kind):
    fed = found(kind)
    for _ in range(3):
        fed.feed(CASES[kind].fine, limit(kind).clear_s).feed(CASES[kind].beyond, 2)
    assert (len(fed.begun), fed.ended) == (1, [])


@pytest.mark.parametrize(("kind", "cell"), [("cell_spread", 7), ("relay_open", None)])
def test_a_finding_names_its_battery_and_its_cell(kind, cell):
    number = 3 if cell else 5
    [finding] = found(kind).attention.findings
    assert (finding.battery_number, finding.battery_id) == (number, f"2211054F000{number}")
    assert finding.cell == cell


@pytest.mark.parametrize(
    "kind", ["stale", "lossy", "two_batteries", "broker_away", "voltage_apart", "soc_apart"]
)
def test_a_finding_about_bank_or_bus_has_no_battery(kind):
    [finding] = found(kind).attention.findings
    assert (finding.battery_number, finding.battery_id, finding.cell) == (None, None, None)


def test_a_value_stays_the_latest_beyond_the_limit():
    fed = found("cell_spread").feed(cycle(cells(-470)), 1)
    [finding] = fed.attention.findings
    assert (finding.value, finding.unit) == (470, "mV")
    assert finding.sentence == (
        "Battery 3: cell 7 is 470 mV below the median of its battery, the spread is 470 mV"
    )


def test_the_sentence_on_a_spread_has_the_value_that_is_judged():
    """No cell alone is 50 mV from the median."""
    fed = Fed().feed(cycle(battery(3, cell_voltages=[*FLAT[:14], 3275, 3326])), 130)
    [finding] = fed.attention.findings
    assert (finding.cell, finding.value) == (16, 51)
    assert finding.sentence == (
        "Battery 3: cell 16 is 26 mV above the median of its battery, the spread is 51 mV"
    )


def test_a_yes_or_no_has_no_value():
    [finding] = found("alarm_1").attention.findings
    assert (finding.value, finding.unit) == (None, "")


def test_findings_are_sorted_by_their_weight_and_their_battery():
    fed = Fed().feed(
        cycle(
            cells(-60), probes(50, 50), battery(4, alarm_status="1"), battery(2, alarm_status="1")
        ),
        700,
    )
    listed = [(each.kind, each.battery_number) for each in fed.attention.findings]
    assert listed == [("alarm_1", 2), ("alarm_1", 4), ("temperature_high", 9), ("cell_spread", 3)]


def test_the_table_lists_the_worst_first():
    severities = [SEVERITIES.index(each.severity) for each in LIMITS]
    assert severities == sorted(severities)


def test_each_kind_has_a_label_of_its_own_that_fits_on_a_phone():
    labels = [each.label for each in LIMITS]
    assert len(set(labels)) == len(labels)
    assert all(re.fullmatch("[a-z0-9 ]{5,24}", each) for each in labels)


def test_the_alarm_levels_that_are_problems_are_findings_and_the_warning_is_none():
    assert {f"alarm_{each}" for each in PROBLEMS} < set(KINDS)
    assert all(limit(f"alarm_{each}").severity == PROBLEM for each in PROBLEMS)
    for level in WARNINGS:
        assert Fed().feed(cycle(battery(1, alarm_status=level, alarm_level_3=8)), 700).begun == []


def test_both_open_relays_are_named():
    fed = Fed().feed(others(charge_relay_status="Break", discharge_relay_status="Break"), 10)
    assert (
        fed.attention.findings[0].sentence == "Battery 5: the charge and discharge relays are open"
    )


@pytest.mark.parametrize(
    "changes",
    [{"battery_current": 15.1}, {"battery_current": -40.0}, {"battery_soc": 19}],
    ids=str,
)
def test_a_spread_under_load_or_below_the_flat_part_means_nothing(changes):
    assert Fed().feed(cycle(cells(-200, **changes)), 700).begun == []


def test_load_does_not_heal_a_cell():
    """What cannot be judged neither ends a finding nor begins it anew."""
    fed = found("cell_spread").feed(cycle(cells(0, battery_current=-40.0)), 2000)
    assert (fed.kinds, fed.ended) == (["cell_spread"], [])


def test_the_time_that_a_spread_could_be_judged_adds_up():
    fed = Fed()
    for _ in range(6):
        fed.feed(cycle(cells(-60)), 30).feed(cycle(cells(-60, battery_current=-40.0)), 300)
    assert fed.kinds == ["cell_spread"]


def test_what_could_not_be_judged_for_long_begins_anew():
    uneven, rest = loaded(-19.0, -19.5, -7.0), loaded(-1.0, -1.0, -1.0)
    fed = Fed().feed(uneven, 200).feed(rest, PAUSE_S + 1).feed(uneven, 200)
    assert fed.begun == []
    again = fed.now - 200
    [finding] = fed.feed(uneven, 200).attention.findings
    assert (finding.kind, finding.since) == ("share_low", FIRST + again)


@pytest.mark.parametrize(
    "cycle_of",
    [
        loaded(-9.0, -9.0, -9.0, -2.0),  # too little current
        loaded(-30.0),  # nothing to compare it with
        cycle(battery(1, battery_current=30.0), battery(2, battery_soc=95, battery_current=1.0)),
        cycle(battery(1, battery_current=30.0), battery(2, charge_relay_status="Break")),
    ],
)
def test_a_share_is_compared_only_where_batteries_share(cycle_of):
    fed = Fed().feed(cycle_of, 700)
    assert not {"share_low", "share_high"} & set(fed.kinds)


def test_batteries_are_compared_on_a_lossy_bus():
    """Each cycle has only some of them."""
    fed = Fed()
    for _ in range(80):
        fed.feed(cycle(battery(1)), 5).feed(cycle(battery(5, battery_soc=30)), 5)
    assert "soc_apart" in fed.kinds
