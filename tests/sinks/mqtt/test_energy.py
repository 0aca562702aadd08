"""Counters of energy go on after a restart, and never take a small step back."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from eflexcan2mqtt.protocol.energy import Counters, EnergySession
from eflexcan2mqtt.sinks.message import Message
from eflexcan2mqtt.sinks.mqtt.energy import PUBLISH_S, RETAINED_S, SAVE_S, EnergyCounters
from eflexcan2mqtt.sinks.mqtt.kept import content, parse
from tests.support.faults import seen

from .energy_runs import TOPIC, Run, energy_in, kept

NEW = "new"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "energy.json"


def test_nothing_is_published_before_the_broker_has_had_time_for_its_message(tmp_path):
    run = Run(tmp_path)
    assert run.publish(RETAINED_S - 0.1) == []
    assert run.counters.health() == {}
    [payload] = run.publish(0.1)
    assert run.counters.health() == {"energy": json.loads(payload)}


def test_a_connection_that_ends_before_that_does_not_count(tmp_path):
    run = Run(tmp_path)
    run.counters.connected()
    assert run.publish(60.0) == []
    run.connect(content(kept(5, 3)))
    assert list(map(energy_in, run.publish(0.0))) == [3.0]


def test_the_first_message_is_that_of_the_run_before(tmp_path):
    run = Run(tmp_path, content(kept(5, 3)))
    run.counted = 2.0
    assert list(map(energy_in, run.publish(0.0))) == [3.0]
    assert run.publish(PUBLISH_S - 0.1) == []
    assert list(map(energy_in, run.publish(0.1))) == [5.0]


def test_a_first_message_that_did_not_arrive_is_sent_again(tmp_path):
    run = Run(tmp_path, content(kept(5, 3)))
    run.tick()
    run.counted = 2.0
    assert list(map(energy_in, run.sent())) == [3.0]
    run.tick(2 * SAVE_S)
    assert list(map(energy_in, run.publish())) == [3.0]
    assert list(map(energy_in, run.publish())) == [5.0]


def test_what_comes_on_the_topic_later_is_ours(tmp_path):
    run = Run(tmp_path, content(kept(5, 3)))
    run.publish(0.0)
    run.counters.received(Message(TOPIC, content(kept(6, 50)), retain=True))
    run.counters.received(Message(TOPIC, content(kept(6, 50))))
    assert list(map(energy_in, run.publish())) == [3.0]


def test_a_message_that_another_sends_meanwhile_does_not_count(tmp_path):
    run = Run(tmp_path)
    run.counters.received(Message(TOPIC, content(kept(6, 50))))
    assert list(map(energy_in, run.publish(RETAINED_S))) == [0.0]


def test_the_mark_is_gone_before_anything_is_published(tmp_path, file):
    file.write_bytes(content(kept(5, 3, clean=True)))
    run = Run(tmp_path)
    run.tick(RETAINED_S)
    assert not parse(file.read_bytes()).clean
    assert list(map(energy_in, run.sent())) == [3.0]


def test_the_file_is_never_older_than_it_was(tmp_path, file):
    """Else a message between the two would be believed."""
    file.write_bytes(content(kept(5, 3, clean=True)))
    run = Run(tmp_path, content(kept(4, 2)))
    run.tick()
    assert parse(file.read_bytes()) == kept(5, 3)


def test_the_file_is_written_each_minute_and_with_the_mark_at_a_stop(tmp_path, file):
    run = Run(tmp_path, content(kept(5, 3)))
    first = run.publish(0.0)
    run.counted = 2.0
    run.tick(SAVE_S - 0.1)
    assert energy_in(file.read_bytes()) == 3.0
    run.tick(0.1)
    written = json.loads(file.read_bytes())
    assert written["batteries"]["A"]["energy_in"] == 5.0
    assert written["time"] == json.loads(first[0])["time"]
    last = run.stop()
    assert json.loads(file.read_bytes()) == {**json.loads(last[0]), "clean": True}


def test_without_a_folder_the_broker_keeps_them(caplog):
    run = Run(None, content(kept(5, 3)))
    run.publish(0.0)
    run.counted = 1.0
    assert list(map(energy_in, run.stop())) == [4.0]
    assert caplog.messages == []


def test_the_very_first_start_has_no_line_in_the_log(tmp_path, caplog):
    assert list(map(energy_in, Run(tmp_path).publish(RETAINED_S))) == [0.0]
    assert caplog.messages == []


def test_a_beginning_at_0_has_a_line_and_shows_the_0(tmp_path, file, caplog):
    file.write_bytes(content(kept(5, 3)))
    run = Run(tmp_path)
    run.counted = 2.9
    assert list(map(energy_in, run.publish(RETAINED_S))) == [0.0]
    seen("a power cut of machine and broker, which forgets the counters of energy", caplog.text)
    assert len(caplog.messages) == 1


def test_a_run_without_a_broker_counts_if_the_file_has_the_mark(tmp_path, file):
    for before, after in ((kept(5, 3, clean=True), 4.0), (kept(5, 3), 3.0)):
        file.write_bytes(content(before))
        counters = EnergyCounters(
            "eflexbatteries", tmp_path, lambda: EnergySession(batteries={"A": Counters(1, 0, 0)})
        )
        counters.tick(0.0)
        counters.stop()
        counters.close()
        assert energy_in(file.read_bytes()) == after
        assert parse(file.read_bytes()).clean == before.clean


def test_a_damaged_file_is_set_aside(tmp_path, file, caplog):
    file.write_text('{"time": 5, "bank"')
    run = Run(tmp_path, content(kept(5, 3)))
    assert list(map(energy_in, run.publish(0.0))) == [3.0]
    seen("the file with the counters of energy is damaged", caplog.text)
    assert (tmp_path / "energy.damaged").read_text() == '{"time": 5, "bank"'


def test_a_damaged_message_is_ignored(tmp_path, file, caplog):
    file.write_bytes(content(kept(5, 3, clean=True)))
    run = Run(tmp_path, b'"x"')
    assert list(map(energy_in, run.publish(0.0))) == [3.0]
    seen("another program has written to the topic of the counters of energy", caplog.text)


def test_a_file_that_cannot_be_written_any_more_is_removed(tmp_path, file, caplog):
    """Its mark would hold, although more is published."""
    caplog.set_level(logging.INFO)
    file.write_bytes(content(kept(5, 3, clean=True)))
    blocker = tmp_path / "energy.new"
    blocker.mkdir()
    (blocker / "x").touch()
    run = Run(tmp_path)
    assert list(map(energy_in, run.publish(RETAINED_S))) == [3.0]
    assert not file.exists()
    run.tick(SAVE_S)
    assert len(caplog.messages) == 1
    (blocker / "x").unlink()
    blocker.rmdir()
    run.tick(SAVE_S)
    assert energy_in(file.read_bytes()) == 3.0
    assert caplog.messages[1:] == [f"{file}: works again"]


def test_a_folder_that_cannot_be_read_stops_nothing(caplog):
    run = Run(Path("/proc/version/energy"), content(kept(5, 3)))
    assert list(map(energy_in, run.publish(0.0))) == [3.0]
    assert list(map(energy_in, run.stop())) == [3.0]
    seen("the counters of energy cannot be written", caplog.text)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("clock", [0.0, 1e9, 4.1e9])
def test_the_times_of_messages_rise_whatever_the_clock_says(tmp_path, clock):
    run = Run(tmp_path, content(kept(1_715_987_139.1, 3)), clock=lambda: clock)
    times = [json.loads(run.publish()[0])["time"] for _ in range(30)]
    assert times == sorted(set(times))
    assert times[0] > 1_715_987_139.1


class TestAnotherBroker:
    """Of a list: it may have kept a message of an earlier run, or of before the last change."""

    @pytest.mark.parametrize(
        ("there", "expected"),
        [
            (None, 5.0),
            (kept(4, 3), 5.0),  # older: what this run has counted holds
            (kept(9, 5.1), 5.1),  # a step back would be small
            (kept(9, 49), 49.0),
            (kept(9, 51), 5.0),  # a new meter
            (kept(9, 500), 5.0),
        ],
    )
    def test_its_readers_see_no_small_step_back(self, tmp_path, there, expected):
        run = Run(tmp_path, content(kept(5, 4)), several=True)
        run.publish(0.0)
        run.counted = 1.0
        assert list(map(energy_in, run.publish())) == [5.0]
        run.connect(content(there) if there else None)
        [payload] = run.publish()
        assert energy_in(payload) == expected
        run.counted = 1.5
        assert list(map(energy_in, run.publish())) == [expected + 0.5]

    def test_nothing_is_published_there_before_it_has_had_time_for_its_message(self, tmp_path):
        run = Run(tmp_path, content(kept(5, 4)), several=True)
        assert len(run.publish()) == 1
        run.tick(PUBLISH_S)
        run.connect()
        assert run.publish(RETAINED_S - 0.1) == []
        assert list(map(energy_in, run.publish(0.1))) == [4.0]

    def test_also_a_first_message_without_an_answer_counts(self, tmp_path):
        run = Run(tmp_path, content(kept(5, 4)), several=True)
        run.tick()
        assert list(map(energy_in, run.sent())) == [4.0]
        run.connect(content(kept(9, 4.2)))
        run.counted = 1.0
        # As after every beginning, readers first see what the runs before have counted.
        [payload] = run.publish()
        assert energy_in(payload) == 4.2
        assert json.loads(payload)["time"] > 9
        assert list(map(energy_in, run.publish())) == [5.2]

    def test_a_battery_that_only_it_knows_keeps_its_counter(self, tmp_path):
        run = Run(tmp_path, content(kept(5, 4)), several=True)
        run.publish(0.0)
        run.connect(content(kept(6, 3, name="B")))
        [payload] = run.publish()
        found = json.loads(payload)["batteries"]
        assert {name: each["energy_in"] for name, each in found.items()} == {"A": 4.0, "B": 3.0}

    def test_a_damaged_message_there_is_ignored(self, tmp_path, caplog):
        run = Run(tmp_path, content(kept(5, 4)), several=True)
        run.publish(0.0)
        run.connect(b"x")
        assert list(map(energy_in, run.publish())) == [4.0]
        seen("another program has written to the topic of the counters of energy", caplog.text)

    def test_with_one_broker_what_it_keeps_is_ours(self, tmp_path):
        run = Run(tmp_path, content(kept(5, 4)))
        run.publish(0.0)
        run.connect(content(kept(9, 4.1)))
        assert list(map(energy_in, run.publish())) == [4.0]
