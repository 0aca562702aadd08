"""When values and what needs attention are sent to Home Assistant."""

from __future__ import annotations

import json

import pytest

from eflexcan2mqtt.protocol.findings import BankFinding
from eflexcan2mqtt.settings.schema import HomeAssistant, Mqtt
from eflexcan2mqtt.sinks.homeassistant.discovery import Discovery
from eflexcan2mqtt.sinks.message import Message
from tests.support.bank import EXAMPLE, decoded, sent

BANK, ATTENTION = "eflexbatteries/bank", "eflexbatteries/bank/attention"
SERIALS = ["2211054F0001", "2211054F0002"]
BOTH = [f"eflexbatteries/{serial}" for serial in SERIALS]
LONG = 1000.0
"""Long after the last description."""


def cycle(*numbers, **changes):
    """A cycle of some batteries; ``changes`` are those of the first."""
    frames = []
    for number in numbers:
        frames += sent(number, battery_id=SERIALS[number - 1], **changes)
        changes = {}
    return decoded(frames)[0]


def finding(kind="cell_spread", severity="notice", number=1, value=470):
    """Something on the list."""
    return BankFinding(
        kind=kind,
        severity=severity,
        battery_number=number,
        battery_id=None if number is None else SERIALS[number - 1],
        cell=7,
        value=value,
        unit="mV",
        since=1_715_987_139,
        sentence=f"Battery {number}: cell 7 is {value} mV below the median of its battery",
    )


def answer(discovery, due):
    """The broker takes all that is due."""
    for message in list(due):
        discovery.answered(message, taken=True)


class Watched:
    """A Discovery with a list that changes."""

    def __init__(self, interval=10.0):
        self.listed = ()
        self.discovery = Discovery(
            HomeAssistant(discovery=True, interval=interval),
            Mqtt(fields="extended"),
            attention=lambda: self.listed,
        )

    def settled(self, *numbers):
        """Described and shown, long ago."""
        for now in (0.0, 0.0, 10.0, 20.0, 30.0, LONG):
            answer(self.discovery, self.discovery.due(cycle(*numbers), now))
            self.states(cycle(*numbers), now)
        return self

    def states(self, readings, now):
        """The values that are due, by topic."""
        found = self.discovery.states(readings, now)
        return {each.topic: json.loads(each.payload) for each in found}

    def said(self, now):
        """What is said of attention, if it is due."""
        found = [each for each in self.discovery.due([], now) if each.topic == ATTENTION]
        assert all(each.retain and each.keep and each.qos for each in found)
        return [json.loads(each.payload) for each in found]


def test_values_are_sent_at_the_interval():
    watched = Watched(interval=10).settled(1, 2)
    sent_at = [seconds for seconds in range(1, 32) if watched.states(cycle(1, 2), LONG + seconds)]
    assert sent_at == [10, 20, 30]
    assert watched.states(cycle(1, 2), LONG + 40).keys() == {BANK, *BOTH}


def test_without_an_interval_each_cycle_is_sent():
    watched = Watched(interval=0).settled(1)
    assert all(watched.states(cycle(1), LONG + seconds) for seconds in (1, 2, 3))


@pytest.mark.parametrize("again", ["connection", "birth", "description"])
def test_values_follow_descriptions_at_once_and_until_home_assistant_can_hear_them(again):
    watched = Watched(interval=3600).settled(1)
    assert watched.states(cycle(1), LONG + 1) == {}
    match again:
        case "connection":
            watched.discovery.connected()
        case "birth":
            watched.discovery.received(Message("homeassistant/status", b"online"))
        case "description":
            answer(
                watched.discovery, watched.discovery.due(cycle(1, software_version=4007), LONG + 1)
            )
    sent_at = [seconds for seconds in range(2, 40) if watched.states(cycle(1), LONG + seconds)]
    assert sent_at == [2, 4, 7, 17]


def test_home_assistant_going_away_changes_nothing():
    watched = Watched().settled(1)
    watched.discovery.received(Message("homeassistant/status", b"offline"))
    assert list(watched.discovery.due(cycle(1), LONG + 1)) == []


@pytest.mark.parametrize(
    ("change", "topics"),
    [
        ({"charge_relay_status": "Make"}, {BOTH[0]}),
        ({"discharge_relay_status": "Make"}, {BOTH[0]}),
        ({"alarm_level_2": 1}, {BOTH[0], BANK}),
        ({"battery_soc": 1, "battery_current": 50.0}, set()),
    ],
)
def test_alarms_and_relays_are_sent_at_once_and_other_values_are_not(change, topics):
    watched = Watched().settled(1, 2)
    assert watched.states(cycle(1, 2, **change), LONG + 1).keys() == topics
    assert watched.states(cycle(1, 2, **change), LONG + 2) == {}


def test_a_battery_that_leaves_or_comes_is_shown_at_once_and_a_lost_frame_is_not():
    watched = Watched(interval=60).settled(1, 2)
    seen = {second: watched.states(cycle(1), LONG + second) for second in range(1, 10)}
    assert {second: found.keys() for second, found in seen.items() if found} == {6: {BANK}}
    assert seen[6][BANK]["batteries_present"] == 1
    assert watched.states(cycle(1, 2), LONG + 10).keys() == {BANK, BOTH[1]}


def test_a_problem_is_in_the_values_of_battery_and_bank_at_once():
    watched = Watched().settled(1, 2)
    watched.listed = (finding(severity="notice"),)
    assert watched.states(cycle(1, 2), LONG + 1) == {}
    watched.listed = (finding(severity="problem", number=2),)
    found = watched.states(cycle(1, 2), LONG + 2)
    assert {topic: values["problem"] for topic, values in found.items()} == {
        BANK: True,
        BOTH[1]: True,
    }


def test_what_needs_attention_is_said_when_it_begins_and_ends():
    watched = Watched()
    lists = ("sentences", "kinds", "severities", "problems", "findings")
    calm = {"severity": "none", **{key: [] for key in lists}}
    watched.listed = (finding("missing", "problem", 2), finding())
    [found] = watched.said(2.0)
    assert found["severity"] == "problem"
    assert found["sentences"] == [each.sentence for each in watched.listed]
    assert found["kinds"] == ["missing 2", "cell_spread 1"]
    assert found["severities"] == ["problem", "notice"]
    assert found["problems"] == [SERIALS[1]]
    assert found["findings"][1]["cell"] == 7
    watched.listed = ()
    assert watched.said(3.0) == [calm]
    assert watched.said(4.0) == []


def test_a_value_that_moves_is_said_once_a_minute():
    watched = Watched()
    watched.listed = (finding(),)
    assert len(watched.said(0.0)) == 1
    said_at = []
    for second in range(1, 130):
        watched.listed = (finding(value=470 + second),)
        if watched.said(float(second)):
            said_at.append(second)
    assert said_at == [60, 120]


def test_it_is_said_again_to_a_broker_that_may_have_forgotten_it():
    watched = Watched()
    watched.listed = (finding(),)
    watched.said(0.0)
    watched.discovery.connected()
    assert len(watched.said(1.0)) == 1


def test_one_that_did_not_get_out_stays_due():
    """As when the broker takes no more messages just now: then the next is not asked for."""
    watched = Watched()
    watched.listed = (finding(),)
    assert next(iter(watched.discovery.due([], 0.0))).topic == ATTENTION
    assert len(watched.said(1.0)) == 1


def test_a_finding_about_the_bank_is_a_problem_of_the_bank_only():
    watched = Watched().settled(1)
    watched.listed = (finding("stale", "problem", None),)
    [found] = watched.said(LONG + 1)
    assert (found["severity"], found["kinds"], found["problems"]) == ("problem", ["stale"], [])
    values = watched.states(cycle(1), LONG + 1)
    assert {topic: each["problem"] for topic, each in values.items()} == {BANK: True}


def test_a_broker_does_not_hear_that_it_is_away():
    watched = Watched()
    watched.listed = (finding("broker_away", "notice", None),)
    watched.said(0.0)
    [found] = watched.said(60.0)
    assert found["severity"] == "none"


def test_the_values_are_those_of_the_array_and_what_follows_from_them():
    found = Watched().states(cycle(1), 0.0)[BOTH[0]]
    assert found["battery_voltage"] == EXAMPLE[0]["battery_voltage"]
    assert (found["power"], found["cell_spread"], found["problem"]) == (-15.9, 0, False)


def test_values_wait_until_the_broker_has_answered_each_description():
    discovery = Discovery(HomeAssistant(discovery=True), Mqtt())
    described = list(discovery.due(cycle(1), 0.0))
    assert len(described) == 2
    for each in described:
        assert not list(discovery.states(cycle(1), 1.0))
        discovery.answered(each, taken=each is not described[0])
    assert list(discovery.states(cycle(1), 1.0))


def test_values_wait_while_the_broker_has_no_room_for_a_description():
    discovery = Discovery(HomeAssistant(discovery=True), Mqtt())
    due = discovery.due(cycle(1), 0.0)
    bank = next(due)
    next(due)
    due.close()  # no room for the second one
    answer(discovery, [bank])
    assert not list(discovery.states(cycle(1), 1.0))
    answer(discovery, discovery.due(cycle(1), 2.0))
    assert list(discovery.states(cycle(1), 3.0))


def test_a_battery_that_leaves_before_it_is_described_holds_up_nothing():
    discovery = Discovery(HomeAssistant(discovery=True), Mqtt())
    due = discovery.due(cycle(1, 2), 0.0)
    bank = next(due)
    next(due)
    due.close()
    answer(discovery, [bank])
    answer(discovery, discovery.due(cycle(2), 1.0))
    assert list(discovery.states(cycle(2), 2.0))


def test_an_empty_list_is_no_news_until_what_lasts_has_had_time_to_begin():
    watched = Watched()
    assert watched.said(5.0) == []
    assert watched.said(64.0) == []
    [found] = watched.said(65.0)
    assert found["severity"] == "none"
    watched.discovery.connected()
    assert len(watched.said(66.0)) == 1


def test_what_is_on_the_list_is_said_at_once():
    watched = Watched()
    watched.listed = (finding(),)
    assert len(watched.said(1.0)) == 1
    watched.listed = ()
    assert len(watched.said(2.0)) == 1


@pytest.mark.parametrize(("setting", "shown"), [(0.0, 75.6), (60.0, 60.0)])
def test_the_capacity_is_that_of_the_setting_or_of_the_batteries(setting, shown):
    discovery = Discovery(HomeAssistant(discovery=True), Mqtt(), capacity_kwh=setting)
    [bank] = [each for each in discovery.states(cycle(1), 0.0) if each.topic == BANK]
    assert json.loads(bank.payload)["capacity"] == shown
