"""The bus loop's side of history: it hands over what is over, and waits for nothing."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eflexcan2mqtt.protocol.events import MOST_EVENTS
from eflexcan2mqtt.protocol.findings import BankFinding
from eflexcan2mqtt.protocol.minutes import BANK_NUMBER
from eflexcan2mqtt.sinks.history.past import Question
from eflexcan2mqtt.sinks.history.sink import SILENT_S, started
from eflexcan2mqtt.sinks.history.store import FILE_NAME
from eflexcan2mqtt.sinks.history.writer import MOST_BATCHES
from tests.support.bank import FULL
from tests.support.broker import wait_until
from tests.support.faults import seen
from tests.support.history import NOON, is_open
from tests.support.program import STOP_S
from tests.support.slow_disk import COMPILER, slow_disk

START = NOON * 60
HANGS_S = 20
STALE = BankFinding("stale", "problem", None, None, None, None, "", START + 62, "No reading")


class Bank:
    """What the sink gets to hear."""

    def __init__(self, folder: Path) -> None:
        self.now = 500.0
        self.findings: list[BankFinding] = []
        self.sink = started(folder, 200.0, lambda: self.findings, lambda: self.now)

    def cycle(self, at: int, **changes: str) -> None:
        self.sink.publish([{**FULL[0], **changes, "time": START + at}])

    def silence(self, seconds: float) -> None:
        self.now += seconds
        self.sink.tick()

    def answer(self):
        return self.sink.past.ask(Question(BANK_NUMBER, START, START + 3600, 500))


@pytest.fixture
def bank(tmp_path):
    made = Bank(tmp_path)
    yield made
    assert made.sink.close() == 0


def times(bank):
    return [(each["time"] - START) // 60 for each in bank.answer().points]


def test_a_minute_can_be_asked_for_once_it_is_over(bank, tmp_path):
    for at in (0, 30, 60):
        bank.cycle(at)
    wait_until(lambda: is_open(tmp_path), "the file")
    wait_until(lambda: times(bank) == [0], "the minute")


def test_a_silent_bus_ends_a_minute_and_events_come_without_one(bank, tmp_path):
    bank.sink.tick()  # before the first cycle there is nothing to say, for the time is not known
    bank.cycle(0)
    wait_until(lambda: is_open(tmp_path), "the file")
    bank.silence(SILENT_S)
    bank.silence(1)
    wait_until(lambda: times(bank) == [0], "the minute")
    bank.findings = [STALE]
    bank.silence(1)
    wait_until(lambda: len(bank.answer().events) == 2, "the event")
    bank.findings = []
    bank.silence(1)
    wait_until(lambda: len(bank.answer().events) == 3, "its end")
    found = [(each.time - START, each.kind, each.begin) for each in bank.answer().events]
    assert found == [(0, "start", 1), (62, "attention", 1), (63, "attention", 0)]


def test_history_says_when_the_bridge_was_started(bank, tmp_path):
    """The bus was silent for 20 s then."""
    wait_until(lambda: is_open(tmp_path), "the file")
    bank.silence(20)
    bank.cycle(30)
    bank.cycle(90)
    wait_until(lambda: bank.answer().events, "the event")
    [event] = bank.answer().events
    assert event == (START + 10, BANK_NUMBER, "start", 1, "the bridge was started")


def test_a_relay_that_flutters_is_logged_once(bank, caplog):
    caplog.set_level(logging.INFO)
    for minute in range(5):
        for change in range(2 * MOST_EVENTS if minute < 3 else 1):
            bank.cycle(60 * minute, charge_relay_status=("Make", "Break")[change % 2])
    assert [each.partition(";")[0] for each in caplog.messages] == [
        f"more than {MOST_EVENTS} events in a minute: history leaves out the rest",
        "history has all events again",
    ]
    seen("more events in a minute than history keeps", caplog.text)


def test_a_stop_writes_what_is_there(tmp_path):
    bank = Bank(tmp_path)
    bank.cycle(0)
    bank.sink.close()
    assert times(bank) == [0]


@pytest.mark.skipif(not COMPILER, reason="needs a C compiler")
def test_a_disk_that_hangs_holds_up_neither_the_loop_nor_a_stop(tmp_path):
    """Each fsync takes longer there than either may."""
    code = (
        "import sys, time; from pathlib import Path;"
        "from tests.sinks.history.test_sink import Bank;"
        f"bank = Bank(Path({str(tmp_path)!r}));"
        "begun = time.monotonic();"
        "[bank.cycle(60 * at) for at in range(2000)]; bank.silence(100);"
        "looped = time.monotonic() - begun;"
        "bank.sink.close(); print(looped, time.monotonic() - begun - looped)"
    )
    home = Path(__file__).parents[3]
    environment = {**os.environ, **slow_disk(tmp_path, 1000 * HANGS_S)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        **{"cwd": home, "env": environment, "capture_output": True, "text": True},
        check=True,
    )
    looped, closed = map(float, done.stdout.split())
    assert looped < STOP_S
    assert closed < STOP_S
    seen("the program is stopped while the disk hangs", done.stderr)


def test_what_a_hanging_disk_has_no_room_for_is_told_once(tmp_path, caplog):
    """The file is a pipe that nobody writes into: to open it takes for ever."""
    os.mkfifo(tmp_path / FILE_NAME)
    bank = Bank(tmp_path)
    for minute in range(MOST_BATCHES + 20):
        bank.cycle(60 * minute)
    [told] = [each for each in caplog.messages if "does not answer" in each]
    seen("the disk with the history hangs", told)
    os.close(os.open(tmp_path / FILE_NAME, os.O_WRONLY))
    wait_until(lambda: "history is in memory" in caplog.text, "the thread")
    assert bank.sink.close() == 0
