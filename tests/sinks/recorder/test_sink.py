"""The bus loop's side of the recorder: what is recorded, how often, and that it never waits."""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import time

import pytest

from eflexcan2mqtt.protocol.triggers import LEARNING_S, Learned
from eflexcan2mqtt.sinks.recorder.folder import name_of, recordings
from eflexcan2mqtt.sinks.recorder.ring import BEFORE_S
from eflexcan2mqtt.sinks.recorder.sink import (
    AFTER_S,
    EACH_S,
    KEEP_S,
    RETRY_S,
    SILENT_S,
    Recorder,
    started,
)
from eflexcan2mqtt.sinks.recorder.writer import LEARNED, MOST_JOBS, RecordingsWriter
from tests.support.bank import decoded, sent
from tests.support.broker import wait_until
from tests.support.faults import seen

START = 1_780_315_200
CLOSED = {
    **{"charge_relay_status": "Make", "discharge_relay_status": "Make"},
    "precharge_relay_status": "Break",
}
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
    wait_until(lambda: seconds(path) == (301 - int(BEFORE_S), 361), "the last minute")


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


@pytest.fixture
def experienced(tmp_path):
    """A bank that has known one value of each byte of a frame for long."""
    values = {"STATUS 02.6": [3], "STATUS 02.7": [5]}
    learned = {"seconds": LEARNING_S, "charge": 99, "discharge": 99, "values": values, "bits": {}}
    (tmp_path / LEARNED).write_text(json.dumps({**learned, "month": "2026-11", "caught": {}}))
    made = Bank(tmp_path)
    yield made
    made.recorder.close()


def test_two_new_values_are_in_one_recording(experienced, caplog):
    caplog.set_level(logging.INFO)
    experienced.run(2)
    wait_until(lambda: experienced.names() == ["byte-STATUS-02.6-battery-1"])
    [also] = [each for each in caplog.messages if each.startswith("also in ")]
    assert also.endswith("battery 1: STATUS 02.7 is 0x00, which it never was")


def test_a_current_that_is_not_recorded_is_unusual_again_after_the_hour(experienced):
    def currents():
        return [each.kind for each in recordings(experienced.folder)].count("current")

    experienced.run(int(AFTER_S) + 2, battery_current=120.0)
    experienced.run(2, battery_current=130.0)
    wait_until(lambda: currents() == 1)
    experienced.now += EACH_S
    experienced.run(2, battery_current=130.0)
    wait_until(lambda: currents() == 2)


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
    [told] = caplog.messages
    seen("the disk with the recordings hangs", told)


def test_the_end_of_a_recording_waits_until_the_disk_answers(tmp_path):
    now = 5000.0
    writer = RecordingsWriter(tmp_path, 200.0)
    recorder = Recorder(writer, Learned(), lambda: now, {})
    recorder.close()  # nothing takes what is in the queue now
    recorder.request()
    begun = writer.queue.get_nowait()
    while not writer.queue.full():
        writer.queue.put_nowait(None)
    now += AFTER_S
    recorder.tick()
    while not writer.queue.empty():
        assert writer.queue.get_nowait() is None
    recorder.tick()
    ended = writer.queue.get_nowait()
    assert (begun.name, begun.last) == (ended.name, False)
    assert ended.last


def test_a_disk_that_hangs_at_the_end_is_not_waited_for(tmp_path, caplog):
    fifo = tmp_path / "recorder.new"
    os.mkfifo(fifo)  # to write what was learned waits for a reader
    started(tmp_path, 200.0, lambda: 0.0, anonymize=True).close()
    [told] = caplog.messages
    seen("the program is stopped while the disk hangs", told)
    os.close(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK))


def test_a_folder_that_cannot_be_listed_has_no_last_recordings(tmp_path, caplog):
    """So the first one is tried, although it cannot be written either."""
    (tmp_path / "file").write_bytes(b"")
    recorder = started(tmp_path / "file", 200.0, lambda: 0.0, anonymize=True)
    recorder.request()
    recorder.close()
    [lost] = [each for each in caplog.messages if "request" in each]
    assert lost.endswith(": Not a directory; not recorded: requested by SIGUSR1")


def test_a_bank_that_falls_silent_is_recorded(bank, tmp_path):
    bank.run(30)
    for _ in range(int(SILENT_S) + 2):
        bank.now += 1
        bank.recorder.tick()
    wait_until(lambda: bank.names() == ["battery-all-disappeared"])
    [path] = tmp_path.glob("*.gz")
    assert seconds(path) == (1, 30)


def test_what_could_not_be_written_is_tried_again_before_the_hour(tmp_path, caplog):
    folder = tmp_path / "kept"
    folder.write_bytes(b"a file")
    bank = Bank(folder)
    bank.run(2)
    bank.run(int(AFTER_S) + 2, **OPEN)
    wait_until(lambda: any("not recorded" in each for each in caplog.messages))
    folder.unlink()

    def recorded():
        bank.now += RETRY_S
        bank.run(1, **OPEN)
        bank.run(1)
        return folder.exists() and bank.names() == ["relay-battery-1"]

    before = bank.now
    wait_until(recorded)
    assert bank.now - before < EACH_S
    bank.recorder.close()


def test_with_serial_numbers_the_name_says_so(tmp_path):
    recorder = started(tmp_path, 200.0, lambda: 0.0, anonymize=False)
    recorder.request()
    recorder.close()
    [kept] = recordings(tmp_path)
    assert kept.has_serials
