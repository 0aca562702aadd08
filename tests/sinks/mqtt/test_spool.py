"""Arrays on disk outlive the process, and a bad disk costs no more than the spool."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.sinks.mqtt.spool import FILE_NAME, FORMAT, Spool
from eflexcan2mqtt.sinks.mqtt.store import SpoolBrokenError, SpoolError

DAY_S = 86_400
TEXT = b'"' + b"x" * 6400 + b'"'


@pytest.fixture
def open_spool(tmp_path):
    """Spools in the test's folder, closed with the test."""
    made = []

    def make(max_mb=100.0, max_age_days=30.0, directory=tmp_path):
        made.append(Spool(directory, max_mb, max_age_days))
        return made[-1]

    yield make
    for each in made:
        each.close()


def arrays(first, last, size=10):
    return [(number, b"%d" % (1000 + number) * size) for number in range(first, last)]


def test_what_is_put_is_there_in_order(open_spool):
    spool = open_spool()
    assert spool.update(arrays(1, 10), [], 0) == 0
    assert spool.after(0, 100) == arrays(1, 10)
    assert spool.after(4, 2) == arrays(5, 7)
    assert spool.update([], [5, 5], 0) == 0
    assert spool.after(4, 2) == arrays(6, 8)


def test_the_next_run_finds_it(open_spool):
    first = open_spool()
    first.update(arrays(1, 10), [], 0)
    first.update([], [1], 0)
    first.close()
    second = open_spool()
    assert (second.count(), second.last) == (8, 9)
    assert second.after(0, 100) == arrays(2, 10)


def test_an_empty_spool_counts_from_nothing(open_spool):
    spool = open_spool()
    assert (spool.count(), spool.last) == (0, 0)


def test_a_killed_process_loses_nothing_that_was_put(open_spool, tmp_path):
    code = (
        "import os, signal; from pathlib import Path;"
        "from eflexcan2mqtt.sinks.mqtt.spool import Spool;"
        f"spool = Spool(Path({str(tmp_path)!r}), 100, 30);"
        "[spool.update([(n, b'1' * 4000)], [], 0) for n in range(1, 51)];"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    home = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], cwd=home, check=False)
    assert open_spool().count() == 50


def test_the_oldest_give_way_for_room(open_spool, tmp_path):
    spool = open_spool(max_mb=0.5)
    gone = sum(spool.update([(number, TEXT)], [], 0) for number in range(1, 201))
    numbers = [number for number, _ in spool.after(0, 1000)]
    assert 40 < len(numbers) < 80
    assert numbers == list(range(gone + 1, 201))
    spool.close()
    assert (tmp_path / FILE_NAME).stat().st_size < 550_000


def test_what_is_to_be_kept_does_not_give_way(open_spool):
    spool = open_spool(max_mb=0.5)
    for number in range(1, 201):
        spool.update([(number, TEXT)], [], 3)
    numbers = [number for number, _ in spool.after(0, 1000)]
    assert numbers[:3] == [1, 2, 3]
    assert numbers[3] > 100
    assert numbers[-1] == 200


def test_what_is_too_old_gives_way(open_spool, monkeypatch):
    """By the time that the bridge has run since."""
    spool = open_spool()
    spool.update(arrays(1, 4), [], 0)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 31 * DAY_S)
    assert spool.update(arrays(4, 6), [], 0) == 3
    assert spool.after(0, 10) == arrays(4, 6)


def test_a_clock_that_jumps_makes_nothing_old(open_spool, monkeypatch):
    """While it runs, or between two runs: a Pi wakes up in the past, and learns better."""
    spool = open_spool()
    spool.update(arrays(1, 4), [], 0)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 365 * DAY_S)
    assert spool.update(arrays(4, 5), [], 0) == 0
    spool.close()
    again = open_spool()
    assert (again.count(), again.purged) == (4, 0)


@given(st.binary(min_size=1, max_size=5000))
def test_a_file_that_is_no_spool_is_set_aside_and_never_deleted(tmp_path_factory, garbage):
    folder = tmp_path_factory.mktemp("spool")
    (folder / FILE_NAME).write_bytes(garbage)
    spool = Spool(folder, 100, 30)
    spool.update(arrays(1, 4), [], 0)
    assert spool.after(0, 10) == arrays(1, 4)
    spool.close()
    assert spool.set_aside == folder / "spool.damaged-1"
    assert spool.set_aside.read_bytes() == garbage


def test_a_second_damaged_file_does_not_replace_the_first(tmp_path):
    for number in (1, 2):
        (tmp_path / FILE_NAME).write_bytes(b"garbage %d" % number * 100)
        Spool(tmp_path, 100, 30).close()
    assert (tmp_path / "spool.damaged-1").read_bytes().startswith(b"garbage 1")


def test_damage_that_shows_later_leaves_what_can_be_read(open_spool, tmp_path):
    spool = open_spool()
    spool.update(arrays(1, 300, 1000), [], 0)
    path = tmp_path / FILE_NAME
    spool.close()
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200_000] = os.urandom(200_000)
    path.write_bytes(content)
    spool = open_spool()
    if spool.set_aside is None:
        with pytest.raises(SpoolBrokenError, match=r"spool\.sqlite3: "):
            spool.after(0, 1000)
        assert spool.rebuild(0) == tmp_path / "spool.damaged-1"
    found = spool.after(0, 1000)
    assert 200 < len(found) < 299
    assert set(found) <= set(arrays(1, 300, 1000))
    assert found == sorted(found)


def test_damage_inside_an_array_is_found_too(open_spool):
    spool = open_spool()
    spool.update([(1, b"1"), (2, b"\0garbage"), (3, b"3")], [], 0)
    with pytest.raises(SpoolBrokenError, match="an array in it is damaged"):
        spool.after(0, 10)
    spool.rebuild(0)
    assert spool.after(0, 10) == [(1, b"1"), (3, b"3")]


def test_a_file_that_is_removed_is_noticed_and_made_again_with_all_in_it(open_spool, tmp_path):
    spool = open_spool()
    spool.update(arrays(1, 100), [], 0)
    (tmp_path / FILE_NAME).unlink()
    for action in (spool.check, lambda: spool.update(arrays(100, 101), [], 0)):
        with pytest.raises(SpoolBrokenError, match="was removed while in use"):
            action()
    assert spool.rebuild(0) is None
    assert spool.after(0, 1000) == arrays(1, 100)
    spool.check()


def test_a_newer_spool_is_left_alone(tmp_path):
    Spool(tmp_path, 100, 30).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    database.close()
    with pytest.raises(SpoolError, match="newer version"):
        Spool(tmp_path, 100, 30)
    assert not list(tmp_path.glob("*damaged*"))


def test_a_directory_that_cannot_be_made_is_one_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="Not a directory"):
        Spool(tmp_path / "file" / "spool", 100, 30)


def test_a_spool_in_use_is_one_error(open_spool):
    open_spool()
    with pytest.raises(SpoolError, match="locked"):
        open_spool()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_one_error(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(SpoolError):
        Spool(tmp_path, 100, 30)
