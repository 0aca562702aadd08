"""What the recorder has learned is kept on the disk, and each month is summarized."""

from __future__ import annotations

import json
import logging
from datetime import datetime

import pytest

from eflexcan2mqtt.protocol.triggers import Learned, Trigger
from eflexcan2mqtt.sinks.recorder.folder import recordings
from eflexcan2mqtt.sinks.recorder.writer import LEARNED, RecordingsWriter
from tests.support.bank import sent
from tests.support.faults import seen

from .writing import NAME, part, writing


def test_what_was_learned_is_there_for_the_next_run(tmp_path):
    learned = Learned(5, 1.0, 2.0, {"STATUS 06.5": {1, 2}}, {"alarm_level_3": {3}})
    with writing(tmp_path) as writer:
        writer.queue.put(learned)
    assert RecordingsWriter(tmp_path, 200.0).read() == learned


def test_what_has_not_changed_is_not_written_again(tmp_path):
    with writing(tmp_path) as writer:
        writer.queue.put(Learned(seconds=5))
    inode = (tmp_path / LEARNED).stat().st_ino
    with writing(tmp_path) as writer:
        writer.queue.put(Learned(seconds=5))
    assert (tmp_path / LEARNED).stat().st_ino == inode


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "5", '{"month": 1}', "[" * 100_000])
def test_a_damaged_file_is_learned_anew_and_that_is_logged(tmp_path, caplog, content):
    (tmp_path / LEARNED).write_text(content)
    assert RecordingsWriter(tmp_path, 200.0).read() == Learned()
    assert caplog.messages == [
        f"{tmp_path / LEARNED}: damaged; renamed to recorder.damaged; what is usual "
        "is learned anew, for a day"
    ]
    seen("the file with what the recorder has learned is damaged", caplog.text)
    assert (tmp_path / "recorder.damaged").read_text() == content


def test_a_file_that_cannot_be_read_is_learned_anew_and_that_is_logged(tmp_path, caplog):
    (tmp_path / LEARNED).mkdir()
    assert RecordingsWriter(tmp_path, 200.0).read() == Learned()
    assert caplog.messages == [
        f"{tmp_path / LEARNED}: Is a directory; what is usual is learned anew, for a day"
    ]


def months(folder, learned, *days, synchronized=True):
    """What is kept on each of these days."""
    for day in days:
        options = {"today": lambda day=day: day, "is_synchronized": lambda: synchronized}
        with writing(folder, **options) as writer:
            writer.queue.put(learned)


def test_the_end_of_a_month_is_summarized_once_also_what_has_given_way_since(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    november = datetime(2026, 11, 30)
    byte = Trigger("byte", "byte", "")
    with writing(tmp_path, today=lambda: november, is_synchronized=lambda: True) as writer:
        writer.queue.put(Learned())
        writer.queue.put(part(sent(1), last=False))
        writer.queue.put(part(sent(1)))
        writer.queue.put(part(sent(1), name=NAME.replace("02-", "05-")))
        writer.queue.put(part(sent(1), name="2026-11-01T000000-byte.log.gz", trigger=byte))
        writer.queue.put(Learned())
    for each in recordings(tmp_path):
        (tmp_path / each.name).unlink()
    caplog.clear()
    muted = Learned(values={"STATUS 06.5": set(range(40))})
    months(tmp_path, muted, november, datetime(2026, 12, 1), datetime(2026, 12, 2))
    assert caplog.messages == [
        "recordings of 2026-11: 1 byte, 2 relay; bytes that change often, and trigger none: "
        "STATUS 06.5"
    ]


def test_a_month_without_recordings_is_summarized_too(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    months(tmp_path, Learned(), datetime(2026, 11, 30), datetime(2027, 1, 1))
    assert caplog.messages == ["recordings of 2026-11: none"]


def test_a_clock_that_is_wrong_ends_no_month(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    november = datetime(2026, 11, 30)
    months(tmp_path, Learned(), november)
    months(tmp_path, Learned(), datetime(1970, 1, 1), datetime(2099, 1, 1), synchronized=False)
    months(tmp_path, Learned(), november)
    assert caplog.messages == []
    assert json.loads((tmp_path / LEARNED).read_text())["month"] == "2026-11"
