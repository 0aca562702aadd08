"""The writer's thread: what it writes and when, and that a bad disk costs no more than history."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing

import pytest

from eflexcan2mqtt.protocol.events import HistoryEvent
from eflexcan2mqtt.sinks.history.allowance import Allowance
from eflexcan2mqtt.sinks.history.store import FILE_NAME, KEEP_MINUTES, History
from eflexcan2mqtt.sinks.history.writer import NOTHING, Batch, Writer
from tests.support.broker import wait_until
from tests.support.disk_writer import running
from tests.support.faults import seen
from tests.support.history import NOON, is_open, minute, minutes
from tests.support.small_disk import fill

EVENT = HistoryEvent(NOON * 60, 3, "relay", 1, "relays: charge open")
HOUR = 60


def writing(folder, max_mb=200.0, write_s=0.05, **options):
    """A writer with its thread."""
    return running(Writer(folder, max_mb, write_s=write_s, **options))


def stored(folder, table="minutes"):
    with closing(sqlite3.connect(folder / FILE_NAME)) as database:
        return database.execute(f"SELECT time FROM {table}").fetchall()


def test_what_waits_is_pending_until_it_is_written_at_the_end(tmp_path):
    with writing(tmp_path, write_s=300) as writer:
        for at in range(3):
            writer.queue.put(Batch(minutes(NOON + at, 1), [EVENT]))
        wait_until(lambda: len(writer.pending.minutes) == 3, "pending minutes")
        assert writer.pending.events == (EVENT,) * 3
        assert stored(tmp_path) == []
    assert len(stored(tmp_path)) == 3
    assert writer.pending == NOTHING


def test_it_writes_now_and_then(tmp_path):
    with writing(tmp_path) as writer:
        wait_until(lambda: is_open(tmp_path), "the file to be open")
        writer.queue.put(Batch([minute()], []))
        wait_until(lambda: stored(tmp_path), "a write")
        writer.queue.put(Batch([], [EVENT]))
        wait_until(lambda: stored(tmp_path, "events"), "another write")


@pytest.mark.parametrize("into_minute", [0, 1, 29, 30, 31, 59])
def test_a_killed_process_loses_five_minutes_at_most(tmp_path, into_minute):
    """It started so many seconds into a minute; each is handed over when it is over."""
    ran = [1000.0 + into_minute]
    lost = []

    def handed_over():
        for at in range(1, 14):
            ran[0] = 1000.0 + 60 * at + at % 2 / 10
            lost.append(at - len(stored(tmp_path)))
            yield Batch([minute(NOON + at)], [])
        yield None

    batches = handed_over()
    writer = Writer(tmp_path, 200.0, ran=lambda: ran[0])
    writer.queue.get = lambda **_: next(batches)  # when the writer asks, not a thread later
    writer.run()
    assert max(lost) == 5


def test_a_disk_that_fails_is_told_once_and_loses_nothing(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    (tmp_path / FILE_NAME).mkdir()
    with writing(tmp_path) as writer:
        for at in range(3):
            writer.queue.put(Batch([minute(NOON + at)], []))
            wait_until(lambda at=at: len(writer.pending.minutes) == at + 1, "a pending minute")
        wait_until(lambda: caplog.records, "a warning")
        seen("history cannot be written", caplog.text)
        (tmp_path / FILE_NAME).rmdir()
        wait_until(lambda: len(caplog.records) > 1, "the end of it")
    assert len(stored(tmp_path)) == 3
    assert [each.levelname for each in caplog.records] == ["WARNING", "INFO"]
    assert "works again" in caplog.text


def test_nothing_is_shown_of_the_file_of_another_program(tmp_path):
    with closing(History(tmp_path)):
        with writing(tmp_path) as writer:
            wait_until(lambda: writer.pending is None, "the lock to be seen")
            writer.queue.put(Batch([minute()], []))
            wait_until(writer.queue.empty, "the batch to be taken")
            assert writer.pending is None
        assert stored(tmp_path) == []


def test_what_is_lost_at_the_end_is_told(tmp_path, caplog):
    (tmp_path / FILE_NAME).mkdir()
    with writing(tmp_path) as writer:
        writer.queue.put(Batch([minute(), minute(NOON + 1)], [EVENT]))
    assert f"{tmp_path}: lost from history: 2 minutes, 1 events" in caplog.messages


def test_a_full_disk_is_told_once_and_loses_nothing(small_disk, caplog):
    folder, filler = small_disk
    with writing(folder) as writer:
        wait_until(lambda: is_open(folder), "the file to be open")
        fill(filler)
        batches = [Batch(minutes(NOON + at * HOUR, HOUR), []) for at in range(24)]
        for each in batches:
            writer.queue.put(each)
        wait_until(lambda: "full" in caplog.text, "a warning")
        filler.unlink()
        wait_until(lambda: writer.queue.empty() and writer.pending == NOTHING, "a write")
    assert len(stored(folder)) == 24 * HOUR
    assert len(caplog.records) == 1


def test_a_damaged_file_is_set_aside_and_history_begins_anew(tmp_path, caplog):
    (tmp_path / FILE_NAME).write_bytes(b"nonsense")
    with writing(tmp_path) as writer:
        writer.queue.put(Batch([minute()], []))
    assert len(stored(tmp_path)) == 1
    seen("the file of the history is damaged", caplog.text)


def test_a_file_that_is_removed_while_in_use_is_made_again(tmp_path, caplog):
    with writing(tmp_path) as writer:
        wait_until(lambda: is_open(tmp_path), "the file to be open")
        (tmp_path / FILE_NAME).unlink()
        writer.queue.put(Batch([minute()], []))
        wait_until(lambda: "removed while in use" in caplog.text, "a warning")
    assert len(stored(tmp_path)) == 1
    assert len(caplog.records) == 1


def test_a_file_that_is_damaged_while_in_use_is_set_aside(tmp_path, caplog):
    with closing(History(tmp_path)) as history:
        history.write(minutes(NOON, 10 * 24 * HOUR), [])
    with writing(tmp_path) as writer:
        wait_until(lambda: is_open(tmp_path), "the file to be open")
        with history.path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (history.path.stat().st_size - 4096))
        writer.queue.put(Batch(minutes(NOON, 24 * HOUR), []))
        wait_until(lambda: "renamed to history.damaged-1" in caplog.text, "a warning")
    assert len(stored(tmp_path)) == 24 * HOUR


def test_a_disk_that_never_works_does_not_hold_up_the_end(tmp_path):
    (tmp_path / FILE_NAME).mkdir()
    with writing(tmp_path) as writer:
        writer.queue.put(Batch([minute()], []))


def test_nothing_is_deleted_while_there_is_room(tmp_path):
    ran = iter(range(0, 10**9, 3600))
    allowance = Allowance(lambda: True, lambda: 1.7e9, lambda: float(next(ran)))
    with writing(tmp_path, allowance=allowance) as writer:
        for hour in range(5):
            writer.queue.put(Batch(minutes(NOON + hour * HOUR, HOUR), []))
    assert len(stored(tmp_path)) == 5 * HOUR


def test_what_may_be_deleted_is_thinned_and_trimmed(tmp_path):
    ran = [0.0]
    allowance = Allowance(lambda: True, lambda: 1.7e9 + ran[0], lambda: ran[0])
    with closing(History(tmp_path)) as history:
        history.write([*minutes(NOON, 3 * HOUR), minute(NOON + KEEP_MINUTES + 3 * HOUR)], [])
    with writing(tmp_path, 0.001, allowance=allowance) as writer:
        for hours, quarters in ((0, 12), (1, 8), (1.5, 8), (2, 4)):
            ran[0] = hours * 3600.0
            writer.queue.put(Batch([], [EVENT._replace(time=NOON * 60 + len(stored(tmp_path)))]))
            wait_until(lambda: not writer.pending.events and writer.queue.empty(), "a write")
            wait_until(lambda count=quarters: len(stored(tmp_path, "quarters")) == count, "a trim")
