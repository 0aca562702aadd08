"""History on disk: it outlives the process, thins itself, and gives way from its oldest end."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.events import HistoryEvent
from eflexcan2mqtt.sinks.history.columns import FORMAT
from eflexcan2mqtt.sinks.history.past import Past, PastError, Question
from eflexcan2mqtt.sinks.history.store import (
    FILE_NAME,
    KEEP_MINUTES,
    History,
    HistoryBrokenError,
    HistoryBusyError,
    HistoryError,
)
from eflexcan2mqtt.sinks.history.writer import NOTHING
from tests.support.history import NOON, minute, minutes
from tests.support.small_disk import fill

HOUR, DAY = 60, 24 * 60
EVENT = HistoryEvent(NOON * 60, 3, "relay", 1, "relays: charge open")


@pytest.fixture
def history(tmp_path):
    with closing(History(tmp_path)) as made:
        yield made


def rows(history, table="minutes"):
    with closing(sqlite3.connect(f"{history.path.as_uri()}?mode=ro", uri=True)) as database:
        return database.execute(f"SELECT * FROM {table} ORDER BY time, battery").fetchall()


def hours_of(history, table):
    """The hours of which there is something, counted from NOON."""
    return sorted({(row[0] - NOON) // HOUR for row in rows(history, table)})


def test_what_is_written_is_there(history):
    batteries = [minute(battery=number) for number in range(15)]
    history.write(batteries, [EVENT])
    assert rows(history) == [tuple(each) for each in batteries]
    assert rows(history, "events") == [tuple(EVENT)]


def test_of_a_minute_that_comes_twice_the_one_with_more_seconds_stays(history):
    history.write([minute(seconds=20, soc=100)], [EVENT])
    history.write([minute(seconds=40, soc=200)], [EVENT])
    history.write([minute(seconds=30, soc=300)], [])
    assert rows(history) == [tuple(minute(seconds=40, soc=200))]
    assert rows(history, "events") == [tuple(EVENT)]


def test_a_killed_process_loses_nothing_that_was_written(tmp_path):
    code = (
        "import os, signal; from pathlib import Path;"
        "from eflexcan2mqtt.sinks.history.store import History;"
        "from tests.support.history import NOON, minutes;"
        f"history = History(Path({str(tmp_path)!r}));"
        "[history.write(minutes(NOON + n, 1), []) for n in range(150)];"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False)
    with closing(History(tmp_path)) as history:
        assert len(rows(history)) == 150
        history.write(minutes(NOON + 240, 1), [EVENT, EVENT._replace(begin=0)])
        assert hours_of(history, "quarters") == [0, 1, 2]
        with closing(sqlite3.connect(history.path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_an_hour_that_is_over_becomes_four_quarters(history):
    for at in range(HOUR):
        history.write(minutes(NOON + at, 1), [])
    assert rows(history, "quarters") == []
    history.write(minutes(NOON + HOUR, 1), [])
    expected = minute(seconds=900, energy_in=15 * 530 * 60)
    assert rows(history, "quarters") == [
        tuple(expected._replace(time=NOON + at)) for at in (0, 15, 30, 45)
    ]


def test_a_quarter_has_the_weighted_mean_and_the_extremes(history):
    one = minute(seconds=60, soc=400, soc_min=390, current=-100, cell_min=3, temperature_max=30)
    other = minute(NOON + 1, seconds=20, soc=800, soc_max=810, current=-300, cell_max=9)
    history.write([one, other, minute(NOON + HOUR)], [])
    [found] = rows(history, "quarters")
    expected = one._replace(
        **{"seconds": 80, "soc": 500, "soc_max": 810, "current": -150},
        energy_in=2 * 530 * 60,
    )
    assert found == tuple(expected)


def test_minutes_that_come_late_get_into_their_quarter(history):
    """The clock was set back, or a recording was imported."""
    history.write([*minutes(NOON, 5), minute(NOON + HOUR)], [])
    history.write([*minutes(NOON + 5, 5), minute(NOON + HOUR)], [])
    [found] = rows(history, "quarters")
    assert found[2] == 600


def test_old_minutes_are_thinned_an_hour_at_a_time(history):
    history.write(minutes(NOON, 3 * HOUR), [])
    assert history.thin(1) == 0
    history.write(minutes(NOON + KEEP_MINUTES + 2 * HOUR, 1), [])
    assert history.thin(1) == 1
    assert hours_of(history, "minutes")[:2] == [1, 2]
    assert history.thin(24) == 1
    assert history.thin(24) == 0
    assert hours_of(history, "minutes")[0] == 2
    assert hours_of(history, "quarters") == [0, 1, 2]


def test_an_empty_history_is_not_thinned(history):
    assert history.thin() == 0
    assert history.trim(1, 0) == 0


def test_minutes_that_a_killed_process_left_become_quarters_before_they_are_deleted(tmp_path):
    with closing(History(tmp_path)) as first:
        first.write(minutes(NOON + KEEP_MINUTES + 3 * HOUR, HOUR + 1), [])
        first.write(minutes(NOON, 90), [])  # an import that was killed
    with closing(History(tmp_path)) as second:
        second.thin()
        assert sum(row[2] for row in rows(second, "quarters") if row[0] < NOON + DAY) == 90 * 60


def test_what_a_failed_write_left_is_written_with_the_next(small_disk):
    """All hours are in quarters, although the disk had no room when the first one was over."""
    folder, filler = small_disk
    with closing(History(folder)) as history:
        history.write(minutes(NOON, HOUR), [])
        fill(filler)
        with pytest.raises(HistoryError):
            history.write([minute(NOON + HOUR + at, n) for at in range(5) for n in range(16)], [])
        filler.unlink()
        history.write(minutes(NOON + HOUR, 6), [])
        assert hours_of(history, "quarters") == [0]


def test_a_clock_that_was_ahead_makes_the_present_not_old(history):
    history.write(minutes(NOON, HOUR), [])
    history.write(minutes(int(time.time()) // 60 + 365 * DAY, 1), [])
    history.write(minutes(int(time.time()) // 60, 1), [])
    history.thin()
    assert len(rows(history, "minutes")) == 2  # those of NOON are old


def test_the_oldest_hours_give_way_by_size(history):
    for hour in range(5):
        history.write(minutes(NOON + hour * HOUR, HOUR), [EVENT._replace(time=NOON * 60 + hour)])
    assert history.trim(2, 1e9) == 0
    assert history.trim(2, 0) == 2
    assert hours_of(history, "minutes") == [2, 3, 4]
    assert hours_of(history, "quarters") == [2, 3]
    assert rows(history, "events") == []


def test_no_more_gives_way_than_must_and_never_the_newest_hour(history):
    history.write(minutes(NOON, DAY + 2), [])
    with closing(sqlite3.connect(history.path)) as database:
        [(pages,)] = database.execute("PRAGMA page_count")
    assert 0 < history.trim(24, 4096 * (pages - 10)) < 24
    history.trim(24, 0)
    history.trim(24, 0)
    assert hours_of(history, "minutes") == [24]


def test_room_that_was_given_way_is_used_again(history):
    for day in range(3):
        history.write(minutes(NOON + day * DAY, DAY), [])
    size = history.path.stat().st_size
    history.trim(24, 0)
    history.write(minutes(NOON + 3 * DAY, HOUR), [])
    assert history.path.stat().st_size == size


def test_a_second_program_does_not_write_to_it(history, tmp_path):
    with pytest.raises(HistoryBusyError, match="another program writes to it"):
        History(tmp_path)


def test_a_file_that_another_program_has_locked_is_no_damage(tmp_path):
    History(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HistoryError, match="database is locked"):
            History(tmp_path)
    History(tmp_path).close()


def test_the_next_program_may(tmp_path):
    for _ in range(2):
        with closing(History(tmp_path)) as history:
            history.write([minute()], [])


@pytest.mark.parametrize("content", [b"nonsense", b"SQLite format 3\0" + b"x" * 5000])
def test_what_is_no_database_is_renamed(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    with closing(History(tmp_path)) as history:
        assert history.set_aside == tmp_path / "history.damaged-1"
        assert history.set_aside.read_bytes() == content
        history.write([minute()], [])
        assert len(rows(history)) == 1


def test_damage_that_is_found_while_opening_sets_the_file_aside(tmp_path):
    with closing(History(tmp_path)) as history:
        history.write(minutes(NOON, HOUR), [])
    spoil(history.path)
    with closing(History(tmp_path)) as history:
        assert history.set_aside == tmp_path / "history.damaged-1"
        history.write([minute()], [])
        assert len(rows(history)) == 1


def test_damage_that_is_found_later_is_told(tmp_path):
    with closing(History(tmp_path)) as history:
        history.write(minutes(NOON, 10 * DAY), [])
    history = History(tmp_path)
    spoil(history.path)
    with pytest.raises(HistoryBrokenError, match="malformed"):
        history.write(minutes(NOON, DAY), [])
    assert history.set_damaged_aside() == tmp_path / "history.damaged-1"
    assert not history.path.exists()


def spoil(path):
    """Make nonsense of all but the first page."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))


def test_a_file_that_is_removed_is_noticed(tmp_path):
    history = History(tmp_path)
    history.write([minute()], [])
    history.path.unlink()
    with pytest.raises(HistoryBrokenError, match="removed while in use"):
        history.write([minute(NOON + 1)], [])
    assert history.set_damaged_aside() is None


def test_a_file_of_a_newer_version_is_left_alone(tmp_path):
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(HistoryError, match="newer version"):
        History(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError, match=r"history\.db: Not a directory"):
        History(tmp_path / "file" / "folder")


def test_a_failed_try_to_open_leaves_nothing_open(tmp_path):
    (tmp_path / FILE_NAME).mkdir()
    before = list(Path("/proc/self/fd").iterdir())
    for _ in range(3):
        with pytest.raises(HistoryError):
            History(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == len(before)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The bytes of a file with some hours."""
    folder = tmp_path_factory.mktemp("sound")
    with closing(History(folder)) as made:
        made.write([minute(NOON + at, battery) for at in range(130) for battery in (0, 3)], [EVENT])
    return (folder / FILE_NAME).read_bytes()


# The first page has the names, the others the rows.
@given(st.dictionaries(st.integers(0, 4095) | st.integers(0, 100_000), st.integers(0, 255)))
def test_whatever_damages_the_file_nothing_but_these_errors_gets_out(sound, damages):
    data = bytearray(sound)
    for place, byte in damages.items():
        data[place % len(data)] = byte
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / FILE_NAME).write_bytes(data)
        with suppress(PastError):
            Past(folder / FILE_NAME, lambda: NOTHING).ask(
                Question(0, NOON * 60, (NOON + HOUR) * 60, 60)
            )
        with suppress(HistoryError), closing(History(folder)) as history:
            history.write([minute(NOON + 200), minute(NOON + KEEP_MINUTES + DAY)], [EVENT])
            history.thin(24)
            history.trim(24, 0)
            history.finish()


@pytest.mark.parametrize(("live", "soc"), [(True, 200), (False, 100)])
def test_of_equally_many_seconds_those_of_the_service_stay(tmp_path, live, soc):
    with closing(History(tmp_path)) as history:
        history.write([minute(soc=100)], [])
    with closing(History(tmp_path, live=live)) as history:
        history.write([minute(soc=200), minute(NOON + HOUR)], [])
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        for table in ("minutes", "quarters"):
            found = database.execute(f"SELECT soc FROM {table} WHERE time = {NOON}").fetchall()
            assert found == [(soc,)]
