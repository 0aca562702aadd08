"""What needs attention: which batteries are there, and what a clock that is set changes."""

from __future__ import annotations

import pytest

from eflexcan2mqtt.protocol.attention import Attention
from eflexcan2mqtt.protocol.limits import adjusted
from eflexcan2mqtt.protocol.numbers import FORGET_S
from tests.protocol.attention_feeds import (
    CASES,
    FIRST,
    Fed,
    battery,
    both,
    cells,
    cycle,
    found,
    limit,
    others,
    probes,
    tick,
)

ONLY_TWO = cycle(battery(1), battery(2))


def test_a_battery_that_sends_is_not_missing_although_no_burst_is_complete():
    """On a lossy bus it may have no reading for half a minute."""
    incomplete = tick(incomplete=frozenset([5]))
    fed = Fed().feed(both(others(), tick()), 10).feed(both(ONLY_TWO, incomplete), 300)
    assert fed.begun == []
    assert fed.feed(both(ONLY_TWO, tick()), limit("missing").after_s + 2).kinds == ["missing"]
    assert fed.feed(both(ONLY_TWO, incomplete), limit("missing").clear_s + 2).kinds == []


def test_a_silent_bank_has_no_missing_batteries():
    fed = Fed().feed(others(), 10).feed(tick(), 300)
    assert fed.kinds == ["stale"]
    assert fed.attention.findings[0].sentence == "No reading from any battery"
    assert fed.feed(others(), 3).kinds == []


def test_a_battery_that_was_never_there_is_not_missing():
    """A bank of 14 of which a recording has three."""
    assert Fed().feed(cycle(battery(1, batteries_in_system=14)), 300).begun == []


def test_a_battery_that_took_the_place_of_another_is_not_missing():
    fed = Fed().feed(others(), 10).feed(others(battery_id=NEW), 100)
    assert fed.begun == []


NEW = "2307021G0001"


def test_a_battery_does_not_inherit_what_was_wrong_with_the_one_before_it():
    fed = found("cell_spread").feed(cycle(battery(1), battery(3, battery_id=NEW)), FORGET_S)
    assert fed.ended == []
    fed.feed(cycle(battery(1), battery(3, battery_id=NEW)), 3)
    assert [kind for _, kind in fed.ended] == ["cell_spread"]
    assert fed.kinds == []


def test_a_battery_does_not_inherit_the_time_of_the_one_before_it():
    after_s = limit("cell_spread").after_s
    fed = Fed().feed(cycle(cells(-60)), after_s).feed(cycle(cells(-60, battery_id=NEW)), after_s)
    assert fed.begun == []
    fed.feed(cycle(cells(-60, battery_id=NEW)), 1)
    assert [each.battery_id for each in fed.attention.findings] == [NEW]


def test_of_two_batteries_with_one_number_the_one_that_is_hot_is_found():
    fed, hot = Fed(), battery(9, max_temp=55)
    for _ in range(40):
        fed.feed(cycle(battery(1), hot), 1).feed(cycle(battery(1), battery(9, battery_id=NEW)), 1)
    [finding] = fed.attention.findings
    assert (finding.kind, finding.battery_id) == ("temperature_high", hot["battery_id"])
    assert fed.ended == []


def test_what_the_others_lack_ends_when_no_other_is_left():
    """Of a single battery nothing is apart."""
    fed = Fed().feed(cycle(battery(1), battery(2, battery_voltage=52.0)), 70)
    assert fed.kinds == ["voltage_apart"]
    assert fed.feed(cycle(battery(1)), 90).kinds == ["missing"]


@pytest.mark.parametrize("kind", ["alarm_1", "relay_open"])
def test_what_comes_and_goes_each_few_seconds_is_one_finding(kind):
    fed = found(kind)
    for _ in range(50):
        fed.feed(CASES[kind].fine, 12).feed(CASES[kind].beyond, 1)
    assert (len(fed.begun), fed.ended) == (1, [])


def test_the_bank_is_stale_if_no_battery_is_heard_from_the_start():
    fed = Fed().feed(tick(), 12)
    [finding] = fed.attention.findings
    assert (finding.kind, finding.since) == ("stale", None)


@pytest.mark.parametrize("jump", [-86_400.0, 30 * 86_400.0, 60.0])
def test_a_jump_of_the_clock_begins_and_ends_nothing(jump):
    fed = found("relay_open")
    fed.feed(cycle(cells(-60), battery(5, charge_relay_status="Break")), 20)
    fed.now += jump
    fed.feed(cycle(cells(-60), battery(5)), 1)
    assert [kind for _, kind in fed.begun + fed.ended] == ["relay_open"]


def test_since_follows_a_clock_that_is_set():
    """A bus goes by a clock of its own; a Pi learns the time of day later."""
    attention = Attention()
    open_relay = battery(5, charge_relay_status="Break")
    for second in range(20):
        attention.cycle([{**open_relay, "time": 1000 + second}], second)
    assert [each.since for each in attention.findings] == [1000]
    for second in range(20, 40):
        attention.cycle([{**open_relay, "time": FIRST + second}], second)
    assert [each.since for each in attention.findings] == [FIRST]


def test_since_does_not_waver_with_the_rounding_of_times():
    attention, sinces = Attention(), set()
    for count in range(200):
        now = count * 1.012
        attention.cycle([battery(5, alarm_status="1", time=FIRST + round(now))], now)
        sinces |= {each.since for each in attention.findings}
    assert len(sinces) == 1


def test_since_does_not_waver_with_a_cycle_that_ends_in_a_silence():
    """The last one before it is published three seconds late, or an hour."""
    attention, sinces = Attention(), []
    for time, now in [(0, 0), (1, 1), (2, 5), (10, 10), (11, 11), (12, 3600), (3601, 3601)]:
        attention.cycle([battery(5, alarm_status="1", time=FIRST + time)], float(now))
        sinces.append(attention.findings[0].since - FIRST)
    assert sinces == [0] * 7


def test_settings_move_the_limit_and_its_way_back():
    fed = Fed(adjusted({"spread_mv": 100, "temperature_low": 10}))
    fed.feed(cycle(cells(-99), probes(11, 12)), 700)
    assert fed.begun == []
    fed.feed(cycle(cells(-100), probes(10, 12)), 700)
    assert fed.kinds == ["temperature_low", "cell_spread"]
    fed.feed(cycle(cells(-90), probes(12, 12)), 700)
    assert fed.ended == []
    fed.feed(cycle(cells(-89), probes(13, 13)), 700)
    assert fed.kinds == []
