"""What began and what ended is known with its second, once."""

from __future__ import annotations

from eflexcan2mqtt.protocol.events import MOST_EVENTS, Events, HistoryEvent
from eflexcan2mqtt.protocol.findings import BankFinding
from tests.support.bank import FULL

START = 1_780_315_200
CALM = {
    **{"alarm_level_1": 0, "alarm_level_2": 0, "alarm_level_3": 0},
    **{"charge_relay_status": "Make", "discharge_relay_status": "Make"},
}


def reading(at, **changes):
    return {**FULL[0], **CALM, "battery_number": 3, "time": START + at, **changes}


def happened(readings):
    events = Events()
    for each in readings:
        events.cycle([each])
    return [tuple(each) for each in events.take()]


def finding(kind="soc_apart", number=None, since=START, sentence="Batteries 1 and 2 are apart"):
    battery_id = number and f"id {number}"
    return BankFinding(kind, "warning", number, battery_id, None, 1.0, "", since, sentence)


def attended(*lists):
    """The events of lists of findings, ten seconds apart."""
    events = Events()
    for number, findings in enumerate(lists):
        events.attention(findings, START + 10 * number)
    return [tuple(each) for each in events.take()]


def test_a_calm_battery_makes_no_event():
    assert happened([reading(0), reading(1)]) == []


def test_each_change_of_the_alarm_words_is_an_event():
    found = happened(
        [
            reading(0),
            reading(1, alarm_level_3=0x0100),
            reading(2, alarm_level_3=0x0100),
            reading(3, alarm_level_2=0x10, alarm_level_3=0x0100),
            reading(4),
        ]
    )
    assert found == [
        (START + 1, 3, "alarm", 1, "alarm words: level 3: 0x0100"),
        (START + 3, 3, "alarm", 1, "alarm words: level 2: 0x0010, level 3: 0x0100"),
        (START + 4, 3, "alarm", 0, "no alarm"),
    ]


def test_each_change_of_the_relays_is_an_event():
    opened = {"charge_relay_status": "Break"}
    assert happened([reading(0, **opened), reading(1, **opened), reading(2)]) == [
        (START, 3, "relay", 1, "relays: charge open"),
        (START + 2, 3, "relay", 0, "relays: closed"),
    ]


def test_a_finding_begins_when_it_began_and_ends_when_it_is_gone():
    found = attended([], [finding(since=START - 60)], [finding(since=START - 60)], [])
    assert found == [
        (START - 60, 0, "attention", 1, "Batteries 1 and 2 are apart"),
        (START + 30, 0, "attention", 0, "Batteries 1 and 2 are apart"),
    ]


def test_a_sentence_says_of_a_finding_that_it_has_ended_and_of_a_relay_how_it_is():
    relay, found = (HistoryEvent(START, 3, kind, 0, "text") for kind in ("relay", "missing"))
    assert [relay.sentence, found.sentence] == ["text", "ended: text"]
    assert found._replace(begin=1).sentence == "text"


def test_a_finding_without_a_time_begins_now():
    assert attended([finding(since=None)])[0][0] == START


def test_a_battery_that_is_missing_has_a_kind_of_its_own():
    missing = finding("missing", 3, START, "Battery 3: no reading, while others send")
    assert attended([missing], []) == [
        (START, 3, "missing", 1, "no reading, while others send"),
        (START + 10, 3, "missing", 0, "no reading, while others send"),
    ]


def test_alarms_and_relays_are_not_told_twice():
    kinds = ("alarm_1", "alarm_2", "relay_open")
    assert attended([finding(kind, 3) for kind in kinds]) == []


def test_a_relay_that_flutters_does_not_fill_the_disk():
    events = Events()
    for at in range(2 * MOST_EVENTS):
        events.cycle([reading(at, charge_relay_status=("Make", "Break")[at % 2])])
    assert len(events.take()) == MOST_EVENTS
    assert events.left_out == MOST_EVENTS - 1  # the first cycle was calm
    assert events.take() == []


def test_a_start_comes_before_all_that_lasts():
    events = Events()
    events.start(START)
    events.attention([finding(since=START - 1)], START + 5)
    events.cycle([reading(0, charge_relay_status="Break")])
    assert [tuple(each)[:4] for each in events.take()] == [
        (START, 0, "start", 1),
        (START, 0, "attention", 1),
        (START, 3, "relay", 1),
    ]
