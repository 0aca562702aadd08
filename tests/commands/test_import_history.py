"""Recordings become history, once, and only while nobody else writes to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from eflexcan2mqtt.commands.import_history import import_history
from eflexcan2mqtt.settings.history import HistorySettings
from eflexcan2mqtt.settings.schema import Config
from eflexcan2mqtt.settings.storage import StorageSettings
from eflexcan2mqtt.sinks.history.past import Past, Question
from eflexcan2mqtt.sinks.history.store import FILE_NAME, KEEP_MINUTES, History
from eflexcan2mqtt.sinks.history.writer import NOTHING
from tests.support.bank import START, candump_line, sent
from tests.support.faults import seen
from tests.support.history import minute
from tests.support.program import LOG

FIRST = int(START) // 60 + 1
"""A full minute."""


@pytest.fixture
def config(tmp_path):
    return Config(storage=StorageSettings(directory=str(tmp_path / "kept")))


@pytest.fixture
def done(config):
    """What an import of recordings says."""

    def done(*names, end=None, config=config):
        return list(import_history(config, [str(each) for each in names], end, None))

    return done


@pytest.fixture
def recording(tmp_path):
    """A recording of two batteries: so many minutes, with a cycle each ten seconds."""

    def make(begin, count, name="bank.log", **changes):
        frames = [
            frame
            for at in range(0, count * 60, 10)
            for battery in (1, 2)
            for frame in sent(battery, (FIRST + begin) * 60 + at + battery / 10, **changes)
        ]
        path = tmp_path / name
        path.write_text("".join(map(candump_line, frames)))
        return path

    return make


def table(tmp_path, name="minutes"):
    with closing(sqlite3.connect(tmp_path / "kept" / FILE_NAME)) as database:
        return database.execute(f"SELECT * FROM {name} ORDER BY time, battery").fetchall()


def test_a_recording_becomes_history(done, recording, tmp_path):
    path = recording(0, 3)
    [found] = done(path)
    assert found.good
    assert found.text.startswith(f"{path}: 2024-05-1")
    assert found.text.endswith(", 9 minutes of batteries and bank")
    assert [row[:2] for row in table(tmp_path)] == [
        (FIRST + at, number) for at in range(3) for number in (0, 1, 2)
    ]


def test_a_second_time_nothing_changes(done, recording, tmp_path):
    path = recording(0, 120, battery_soc=99, charge_relay_status="Break")
    done(path)
    before = [table(tmp_path, name) for name in ("minutes", "quarters", "events")]
    assert all(before)
    assert done(path)[0].good
    assert [table(tmp_path, name) for name in ("minutes", "quarters", "events")] == before


def test_what_the_service_has_heard_stays(done, recording, tmp_path):
    heard = minute(FIRST + 1, soc=777)
    with closing(History(tmp_path / "kept")) as history:
        history.write([heard], [])
    done(recording(0, 3))
    rows = table(tmp_path)
    assert tuple(heard) in rows
    assert len(rows) == 9


def test_what_is_old_is_there_in_quarters(done, recording, tmp_path):
    now = FIRST + 2 * KEEP_MINUTES
    with closing(History(tmp_path / "kept")) as history:
        history.write([minute(now - at) for at in range(60)], [])
    done(recording(0, 90))
    assert min(row[0] for row in table(tmp_path)) == now - 59
    past = Past(tmp_path / "kept" / FILE_NAME, lambda: NOTHING)
    answer = past.ask(Question(2, FIRST * 60, (FIRST + 90) * 60, 500))
    assert answer.step == 900
    assert sum(each["time"] < now * 60 for each in answer.points) in (6, 7)


def test_recordings_that_continue_each_other_are_one(done, recording, tmp_path):
    found = done(recording(0, 2, "a.log"), recording(2, 2, "b.log"))
    assert all(each.good for each in found)
    assert {row[0] for row in table(tmp_path)} == {FIRST + at for at in range(4)}


def test_a_long_recording_is_written_in_parts(done, recording, tmp_path, monkeypatch):
    monkeypatch.setattr("eflexcan2mqtt.commands.import_history._AT_ONCE", 5)
    [found] = done(recording(0, 10))
    assert ", 30 minutes" in found.text
    assert len(table(tmp_path)) == 30


def test_guessed_times_are_refused(done, recording, tmp_path):
    path = recording(0, 2)
    first = FIRST * 60
    lines = [
        f"({float(line[1:].split(')')[0]) - first:.6f}){line.split(')')[1]}"
        for line in path.read_text().splitlines(keepends=True)
    ]
    path.write_text("".join(lines))
    [found] = done(path)
    assert not found.good
    seen("import-history: a recording has relative times", found.text)
    [found] = done(path, end=first + 115.0)
    assert found.good
    assert {row[0] for row in table(tmp_path)} <= {FIRST - 1, FIRST, FIRST + 1}


def test_a_wrong_recording_does_not_keep_the_others_out(done, recording, tmp_path):
    nonsense, cut = tmp_path / "nonsense.log", tmp_path / "cut.log"
    nonsense.write_text("nonsense\n")
    good = recording(0, 2)
    cut.write_text("".join(good.read_text().splitlines(keepends=True)[:5]))
    found = done(tmp_path / "none.log", nonsense, cut, "-", good)
    assert [each.good for each in found] == [False, False, False, False, True]
    assert found[0].text == f"{tmp_path}/none.log: No such file or directory"
    assert "no frame of a battery" in found[1].text
    assert "no complete burst of a battery in 5 frames" in found[2].text
    assert found[3].text == "-: expected a file"


def test_the_service_must_not_run(done, recording, tmp_path):
    with closing(History(tmp_path / "kept")):
        [found] = done(recording(0, 1))
    assert not found.good
    seen("import-history: the service is running", found.text)


def test_the_service_to_stop_is_that_of_the_bank(config, recording, tmp_path):
    with closing(History(tmp_path / "kept")):
        barn = Path("/etc/eflexcan2mqtt-barn.ini")
        [found] = import_history(config, [str(recording(0, 1))], None, barn)
    assert found.text.endswith("sudo systemctl stop eflexcan2mqtt@barn")


def test_a_folder_that_cannot_be_used_is_named(done, tmp_path):
    (tmp_path / "kept").touch()
    [found] = done(LOG)
    assert (found.good, "kept/history.db: " in found.text) == (False, True)


def test_without_a_folder_it_says_what_to_do(done, monkeypatch):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    [found] = done(LOG, config=Config())
    assert (found.good, "use sudo" in found.text) == (False, True)


def test_without_history_there_is_nothing_to_import(done, config):
    [found] = done(LOG, config=replace(config, history=HistorySettings(max_mb=0)))
    assert found == (False, "[history] max_mb is 0: no history is kept")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_imports_belongs_to_the_owner_of_the_folder(config, recording, tmp_path):
    (tmp_path / "kept").mkdir()
    os.chown(tmp_path / "kept", 12345, 12345)
    path = str(recording(0, 1))
    importing = import_history(config, [path, path], None, None)
    assert next(importing).good
    during = {each.name: each.stat().st_uid for each in (tmp_path / "kept").iterdir()}
    assert during == {f"{FILE_NAME}{suffix}": 12345 for suffix in ("", "-wal", "-shm")}
    assert next(importing).good
    assert list(importing) == []
    [left] = (tmp_path / "kept").iterdir()
    assert (left.name, left.stat().st_uid) == (FILE_NAME, 12345)
