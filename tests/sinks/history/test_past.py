"""Questions about the past: steps of the right length, whatever table they come from."""

from __future__ import annotations

from contextlib import closing

import pytest

from eflexcan2mqtt.protocol.events import HistoryEvent
from eflexcan2mqtt.sinks.history.past import MOST_EVENTS, Past, PastError, Question, with_gaps
from eflexcan2mqtt.sinks.history.store import FILE_NAME, History
from eflexcan2mqtt.sinks.history.writer import NOTHING, Batch
from tests.support.history import NOON, minute, minutes

HOUR, DAY = 60, 24 * 60
START = NOON * 60
EVENT = HistoryEvent(START, 3, "relay", 1, "relays: charge open")


@pytest.fixture
def history(tmp_path):
    with closing(History(tmp_path)) as made:
        yield made


@pytest.fixture
def ask(history):
    """Answers about so many minutes from NOON on."""

    def ask(length, points=500, battery=0, pending=NOTHING, begin=0, **options):
        past = Past(history.path, lambda: pending, **options)
        start = START + begin * 60
        return past.ask(Question(battery, start, start + length * 60, points))

    return ask


def times(answer):
    """In minutes from NOON."""
    return [(each["time"] - START) // 60 for each in answer.points]


def test_an_empty_history_has_no_points(ask):
    assert ask(HOUR) == (60, [], [], 0, None)


def test_a_point_has_values_in_their_units(history, ask):
    history.write([minute(battery=3)], [])
    answer = ask(HOUR, battery=3)
    assert (answer.step, answer.first) == (60, START)
    assert answer.points == [
        {
            **{"time": START, "soc": 50.0, "soc_min": 49.0, "soc_max": 51.0},
            **{"voltage": 53.0, "voltage_min": 52.8, "voltage_max": 53.2},
            **{"current": 10.0, "current_min": 9.0, "current_max": 11.0},
            **{"power": 530.0, "power_min": 480, "power_max": 580},
            **{"temperature_min": 20, "temperature_max": 25},
            **{"cell_min": (3300, 3, 5), "cell_max": (3320, 3, 16)},
            **{"energy_in": pytest.approx(0.53 / 60), "energy_out": 0.0},
        }
    ]


def test_a_step_gathers_its_minutes(history, ask):
    history.write([minute(soc=100, soc_min=90), minute(NOON + 1, soc=300), minute(NOON + 2)], [])
    answer = ask(HOUR, points=30)
    assert answer.step == 120
    assert times(answer) == [0, 2]
    [first, _] = answer.points
    assert (first["soc"], first["soc_min"], first["soc_max"]) == (20, 9, 51)


def test_inverted_energy_changes_places(history, ask):
    history.write([minute()], [])
    [found] = ask(HOUR, invert=True).points
    assert (found["energy_in"], round(found["energy_out"] * 60, 6)) == (0, 0.53)


def test_only_the_asked_time_and_battery_are_shown(history, ask):
    history.write([minute(NOON + at, battery) for at in range(9) for battery in (0, 3)], [])
    assert times(ask(3, battery=3, begin=2)) == [2, 3, 4]


def test_what_waits_for_the_disk_is_shown_too(history, ask):
    history.write([minute()], [EVENT])
    later = EVENT._replace(time=START + 61)
    pending = Batch(minutes(NOON, 3), [EVENT, later])
    answer = ask(HOUR, pending=pending)
    assert times(answer) == [0, 1, 2]
    assert answer.points[0]["energy_in"] == pytest.approx(0.53 / 60)  # not twice
    assert answer.events == [EVENT, later]


def test_history_that_is_only_pending_has_a_beginning(ask):
    assert ask(HOUR, pending=Batch([minute(NOON + 7)], [])).first == START + 7 * 60


def test_long_steps_come_from_quarters_and_the_newest_minutes(history, ask):
    history.write(minutes(NOON, DAY + 30), [])
    answer = ask(2 * DAY, points=100, pending=Batch(minutes(NOON + DAY + 30, 5), []))
    assert answer.step == 30 * 60
    assert len(answer.points) == 50
    assert sum(each["energy_in"] for each in answer.points) == pytest.approx(0.53 * (DAY + 35) / 60)


def test_before_the_minutes_that_are_kept_steps_are_quarters(history, ask):
    history.write(minutes(NOON, 400 * HOUR), [])
    history.thin()
    answer = ask(2 * HOUR)
    assert answer.step == 15 * 60
    assert times(answer) == list(range(0, 120, 15))
    assert ask(2 * HOUR, begin=399 * HOUR).step == 60


def test_a_question_from_before_the_beginning_has_short_steps(history, ask):
    history.write(minutes(NOON, 3 * HOUR), [])
    answer = ask(2 * HOUR, begin=-HOUR)
    assert (answer.step, times(answer)) == (60, list(range(60)))


def test_a_beginning_within_a_quarter_is_not_what_is_left_of_old_minutes(history, ask):
    """The quarter of the first minutes begins before them."""
    history.write(minutes(NOON + 5, HOUR), [])
    history.write(minutes(NOON + HOUR + 5, HOUR), [])
    answer = ask(3 * HOUR, begin=-HOUR)
    assert (answer.step, len(answer.points)) == (60, 115)


def test_events_are_those_of_the_battery_and_for_the_bank_all(history, ask):
    of_bank = HistoryEvent(START + 1, 0, "attention", 1, "Batteries 1 and 2 are apart")
    other = EVENT._replace(time=START + 2, battery=4)
    outside = EVENT._replace(time=START - 1)
    history.write([], [outside, other, EVENT])
    pending = Batch([], [of_bank])
    assert ask(HOUR, pending=pending).events == [EVENT, of_bank, other]
    assert ask(HOUR, battery=3, pending=pending).events == [EVENT]


def test_the_newest_events_are_shown_and_the_others_counted(history, ask):
    events = [EVENT._replace(time=START + at) for at in range(MOST_EVENTS + 30)]
    history.write([], events[:-20])
    answer = ask(HOUR, pending=Batch([], events[-40:]))
    assert answer.events == events[30:]
    assert answer.events_left_out == 30


@pytest.mark.parametrize("made", [False, True])
def test_without_a_file_or_its_tables_what_is_pending_is_all(made, tmp_path):
    if made:
        (tmp_path / FILE_NAME).touch()
    past = Past(tmp_path / FILE_NAME, lambda: Batch([minute(START // 60)], []))
    assert len(past.ask(Question(0, START, START + 60, 1)).points) == 1


def test_the_file_of_another_program_is_not_shown_as_ours(tmp_path):
    past = Past(tmp_path / FILE_NAME, lambda: None)
    with pytest.raises(PastError, match="another program"):
        past.ask(Question(0, START, START + 60, 1))


def test_what_cannot_be_read_is_told(tmp_path):
    (tmp_path / FILE_NAME).mkdir()
    past = Past(tmp_path / FILE_NAME, lambda: NOTHING)
    with pytest.raises(PastError, match="history cannot be read now"):
        past.ask(Question(0, START, START + 60, 1))


def test_a_question_that_takes_too_long_is_given_up(history, ask, monkeypatch):
    history.write([minute(NOON + at, battery) for at in range(DAY) for battery in range(15)], [])
    monkeypatch.setattr("eflexcan2mqtt.sinks.history.past.ANSWER_S", 0.0)
    with pytest.raises(PastError, match="interrupted"):
        ask(DAY)


def test_steps_that_are_missing_are_a_gap():
    found = list(with_gaps([{"time": at} for at in (0, 60, 240, 300)], 60))
    assert [each["time"] for each in found] == [0, 60, 120, 240, 300]
    assert found[2]["soc"] is None
