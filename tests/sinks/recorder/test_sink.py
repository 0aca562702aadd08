"""The bus loop's side of the recorder: what is recorded, how often, and that it never waits."""

from __future__ import annotations

import gzip
import json
import logging
import re
import time

import pytest

from eflexcan2mqtt.protocol.triggers import LEARNING_S, Learned
from eflexcan2mqtt.sinks.recorder.folder import name_of, recordings
from eflexcan2mqtt.sinks.recorder.sink import EACH_S, KEEP_S, Recorder, started
from eflexcan2mqtt.sinks.recorder.writer import LEARNED, MOST_JOBS, RecordingsWriter
from tests.support.bank import decoded, sent
from tests.support.broker import wait_until

START = 1_780_315_200


CLOSED = {"charge_relay_status": "Make", "discharge_relay_status": "Make"}
OPEN = {"charge_relay_status": "Break"}


class Bank:
    """Two batteries for a recorder: each second a cycle, which is overheard and published."""

    def __init__(self, folder, **options):
        self.folder = folder
        self.now = 0.0
        self.recorder = started(folder, 200.0, self.clock, anonymize=True, **options)

    def clock(self):
        return 5000.0 + self.now

    def run(self, seconds, **changes):
        for _ in range(seconds):
            self.now += 1
            batches = [sent(n, START + self.now, **{**CLOSED, **changes}) for n in (1, 2)]
            frames = [each for batch in self.recorder.overhear(batches) for each in batch]
            for cycle in decoded(frames):
                self.recorder.publish(cycle)
            self.recorder.tick()

    def names(self):
        return [each.why for each in recordings(self.folder)]


@pytest.fixture
def bank(tmp_path):
    made = Bank(tmp_path)
    yield made
    assert made.recorder.close() == 0


def seconds(path):
    """Of the first and the last frame, from START on."""
    times = re.findall(r"(?m)^\((\d+)\.", gzip.decompress(path.read_bytes()).decode())
    return int(times[0]) - START, int(times[-1]) - START


def test_a_recording_has_two_minutes_before_and_one_behind(bank, tmp_path):
    bank.run(300)
    bank.run(200, **OPEN)
    wait_until(lambda: bank.names() == ["relay-battery-1"])
    [path] = tmp_path.glob("*.gz")
    wait_until(lambda: seconds(path) == (181, 361), "the last minute")


def test_a_stop_ends_a_recording_early(tmp_path):
    bank = Bank(tmp_path)
    bank.run(10)
    bank.run(5, **OPEN)
    bank.recorder.close()
    [path] = tmp_path.glob("*.gz")
    assert seconds(path) == (1, 15)


def test_a_kind_is_recorded_once_an_hour(bank):
    bank.run(2)
    bank.run(2, **OPEN)
    bank.run(2)
    bank.run(2, **OPEN, alarm_level_1=1)
    bank.now += EACH_S
    bank.run(2)
    wait_until(
        lambda: (
            bank.names()
            == ["relay-battery-1", "alarm-1-battery-1", "alarm-1-battery-1", "relay-battery-1"]
        )
    )


def test_a_start_within_the_hour_does_not_record_again(tmp_path):
    (tmp_path / name_of(time.time() - 600, "relay-battery-1")).write_bytes(b"")
    ahead = name_of(time.time() + 86_400, "alarm-1-battery-1")
    (tmp_path / ahead).write_bytes(b"")
    bank = Bank(tmp_path)
    bank.run(2)
    bank.run(2, **OPEN, alarm_level_1=1)
    bank.recorder.close()
    assert sorted(bank.names()) == ["alarm-1-battery-1", "alarm-1-battery-1", "relay-battery-1"]


def test_a_new_value_of_a_byte_within_the_hour_is_logged(tmp_path, caplog):
    """It is new only once: not to record it is a loss."""
    caplog.set_level(logging.INFO)
    values = {"STATUS 02.1": [0]}
    learned = {"seconds": LEARNING_S, "charge": 99, "discharge": 99, "values": values, "bits": {}}
    (tmp_path / LEARNED).write_text(json.dumps({**learned, "month": "2026-11"}))
    bank = Bank(tmp_path)
    bank.run(1)
    bank.recorder.close()
    assert bank.names() == ["byte-STATUS-02.6-battery-1"]
    assert (
        "not recorded again within the hour: battery 1: STATUS 02.7 is 0x00, which it never was"
        in caplog.messages
    )


def test_a_request_is_recorded_and_within_the_hour_refused(bank, caplog):
    caplog.set_level(logging.INFO)
    bank.run(5)
    bank.recorder.request()
    bank.run(5)
    bank.recorder.request()
    wait_until(lambda: bank.names() == ["request"])
    assert "not recorded again within the hour: requested by SIGUSR1" in caplog.messages


def test_what_was_learned_is_kept_each_ten_minutes(bank, tmp_path):
    bank.run(3)
    assert not (tmp_path / LEARNED).exists()
    bank.run(9)
    wait_until((tmp_path / LEARNED).exists, "the first time")
    first = (tmp_path / LEARNED).read_bytes()
    bank.run(int(KEEP_S))
    wait_until(lambda: (tmp_path / LEARNED).read_bytes() != first, "the second time")


def test_alarm_bits_are_shown_as_soon_as_they_change(bank):
    bank.run(1)
    bank.run(1, alarm_level_2=0x0900)
    assert bank.recorder.learned.bits == {"alarm_level_2": {8, 11}}


def test_a_disk_that_hangs_stops_nothing(tmp_path, caplog):
    clock = iter(range(0, 10**9, int(EACH_S))).__next__
    recorder = Recorder(RecordingsWriter(tmp_path, 200.0), Learned(), clock, {})
    recorder.close()  # nothing takes what is in the queue now
    caplog.clear()
    for _ in range(MOST_JOBS + 2):
        recorder.request()
    assert caplog.messages == ["the disk does not answer: recordings are lost"]


def test_a_folder_that_cannot_be_listed_has_no_last_recordings(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    started(tmp_path / "file", 200.0, lambda: 0.0, anonymize=True).close()
