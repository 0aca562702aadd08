"""The program keeps history while it runs, and shows it on its page after the next start."""

from __future__ import annotations

import base64
import json
import sqlite3
import time
from contextlib import closing
from urllib.error import HTTPError

import pytest

from eflexcan2mqtt.protocol.minutes import BANK_NUMBER
from eflexcan2mqtt.sinks.history.store import FILE_NAME
from tests.support.bank import START, candump_line, sent
from tests.support.broker import wait_until
from tests.support.faults import seen
from tests.support.program import LOG, STOP_S, reads, stop

FAST = ("--input", "simulator:2", "--output", "web", "--speed", "60")


@pytest.fixture
def history(asked):
    """The bank's next hour, as the page tells it: the simulator is ahead of the clock."""

    def history(**headers):
        now = time.time()
        return json.loads(asked(f"/history?from={now - 600}&to={now + 3600}", **headers)[0])

    return history


def minutes(tmp_path, table="minutes", before=2**62):
    """How many of the bank are on the disk, of times before one in seconds since 1970."""
    query = f"SELECT COUNT(*) FROM {table} WHERE battery = ? AND time < ?"
    with closing(sqlite3.connect(tmp_path / "kept" / FILE_NAME)) as database:
        return database.execute(query, (BANK_NUMBER, before // 60)).fetchone()[0]


def test_what_was_is_there_after_the_next_start(start, ini, history, tmp_path):
    process = start("-c", ini(), *FAST, "--faults", "relay_open:2@90s")
    reads(process.stderr, "serving the page")
    wait_until(lambda: len(history()["time"]) >= 3, "minutes on the page before they are written")
    assert minutes(tmp_path) == 0
    assert stop(process) < STOP_S
    kept = minutes(tmp_path)
    assert kept >= 3
    again = start("-c", ini(), "--input", "simulator:2", "--output", "web")
    reads(again.stderr, "serving the page")
    wait_until(lambda: history()["time"], "history")
    found = history()
    assert len(found["time"]) >= kept
    assert ("relays: charge, discharge open", 2) in {
        (each["text"], each["battery"]) for each in found["events"]
    }


def test_a_killed_program_leaves_a_whole_file_that_the_next_one_continues(
    start, ini, history, tmp_path
):
    """How much a kill costs is tested with the writer."""
    process = start("-c", ini(), *FAST)
    reads(process.stderr, "serving the page")
    wait_until(lambda: len(history()["time"]) >= 2, "history")
    stop(process)
    kept = minutes(tmp_path)
    killed = start("-c", ini(), *FAST)
    reads(killed.stderr, "serving the page")
    wait_until(lambda: len(history()["time"]) > kept, "history that is not written yet")
    killed.kill()
    killed.wait()
    assert minutes(tmp_path) == kept
    again = start("-c", ini(), *FAST)
    reads(again.stderr, "serving the page")
    wait_until(lambda: len(history()["time"]) > kept, "what was kept, and more")
    stop(again)
    assert minutes(tmp_path) > kept
    assert "history" not in again.stderr.read()  # not damaged, not set aside


def test_a_silent_bus_ends_the_minute(start, ini, history):
    process = start("-c", ini(), *FAST, "--faults", "silent@90s-60m")
    reads(process.stderr, "serving the page")
    wait_until(lambda: len(history()["time"]) >= 2, "the minute in which the bus fell silent")
    wait_until(
        lambda: "No reading from any battery" in {each["text"] for each in history()["events"]},
        "the event, although there is no minute with it",
    )


def test_a_recording_from_a_file_is_not_kept(start, ini, history, asked, tmp_path):
    process = start("-c", ini(), "--input", LOG, "--output", "web")
    reads(process.stderr, "serving the page")
    wait_until(lambda: json.loads(asked("/batteries.json")[0]), "the last array of the file")
    with pytest.raises(HTTPError, match="404"):
        history()
    stop(process)
    assert not (tmp_path / "kept").exists()


def test_history_can_be_switched_off(start, ini, history, tmp_path):
    process = start("-c", ini("[history]\nmax_mb = 0\n"), *FAST)
    reads(process.stderr, "serving the page")
    with pytest.raises(HTTPError, match="404"):
        history()
    stop(process)
    assert not (tmp_path / "kept" / FILE_NAME).exists()


def test_with_a_password_history_asks_for_it(start, ini, history, tmp_path):
    (tmp_path / "password").write_text("secret\n")
    process = start("-c", ini("password_file = password\n"), *FAST)
    reads(process.stderr, "serving the page")
    with pytest.raises(HTTPError, match="401"):
        history()
    shown = base64.b64encode(b"eflex:secret").decode()
    assert history(Authorization=f"Basic {shown}")["battery"] == "bank"


def test_a_disk_that_fails_stops_nothing(start, ini, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "history.db").mkdir()
    process = start("-c", ini(), *FAST)
    seen("history cannot be written", reads(process.stderr, "history is in memory"))
    stop(process)
    assert process.returncode == 0


def test_recordings_are_imported_while_the_program_is_stopped(start, run, ini, history, tmp_path):
    recording = tmp_path / "bank.log"
    frames = [frame for at in range(130) for frame in sent(3, START + at)]
    recording.write_text("".join(map(candump_line, frames)))
    process = start("-c", ini(), *FAST)
    reads(process.stderr, "serving the page")
    wait_until(lambda: history()["time"], "history, which is written from then on")
    refused = run("import-history", "-c", ini(), recording)
    assert refused.returncode == 1
    seen("import-history: the service is running", refused.stderr)
    stop(process)
    before = minutes(tmp_path)
    done = run("import-history", "-c", ini(), recording)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(", 6 minutes of batteries and bank\n")
    assert minutes(tmp_path) == before
    imported_until = START + 86_400  # it is from 2024; the service has its own hours
    assert minutes(tmp_path, before=imported_until) == 0
    assert minutes(tmp_path, "quarters", before=imported_until) == 1
