"""The table in a real terminal, as pyte reads it, and as plain lines where there is none."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import urllib.request

import pyte
import pytest

from eflexcan2mqtt.protocol.bank import MOST_KNOWN
from eflexcan2mqtt.sinks.table import Table
from tests.support.bank import EXAMPLE, FULL, decoded, sent
from tests.support.broker import LONGEST_WAIT_S, wait_until
from tests.support.program import LOG, MAIN

LEAVE = b"\x1b[?1049l"
SHOW_CURSOR = b"\x1b[?25h"


class Terminal:
    """main.py in a terminal of a size, and what stands on its screen."""

    def __init__(self, *arguments, columns=80, lines=24, program=(MAIN,)):
        self.raw = b""
        usual = {key: each for key, each in os.environ.items() if key not in ("COLUMNS", "LINES")}
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self.process = subprocess.Popen(
            [sys.executable, *map(str, (*program, *arguments))],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**usual, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        )
        self.theirs = theirs
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:
                return
            self.raw += data
            self._stream.feed(data)

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self._screen.display)

    def rows(self):
        """The lines of batteries."""
        return [line for line in self.text.splitlines() if re.match(r"^\s*!?\d+ .*\d+\.\d ", line)]


@pytest.fixture
def terminal():
    made = []

    def make(*arguments, **options):
        made.append(Terminal(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
        each.process.wait()


@pytest.mark.parametrize("columns", [80, 120])
def test_fifteen_batteries_and_the_bank_fit_a_terminal(terminal, columns):
    shown = terminal(
        "--input", "simulator:15", "--output", "table", "--fields", "extended", columns=columns
    )
    # Again and again: a look may fall into the midst of a redraw.
    lowest_and_highest = r" +\d{4} c\d+ +\d{4} c\d+" if columns == 120 else ""
    row = re.compile(rf"[▁▂▃▄▅▆▇█]{{16}}{lowest_and_highest} +\d+ +\d+\.\.\d+  closed .*0s$")
    wait_until(lambda: sum(bool(row.search(line)) for line in shown.rows()) == 15, "15 lines")
    wait_until(lambda: "15 of 15 batteries" in shown.text, "the bank")
    wait_until(lambda: "charging" in shown.text, "what the bank does")
    assert ("2210075E0968" in shown.text) == (columns == 120)


def test_it_is_live(terminal):
    shown = terminal("--input", "simulator:3", "--speed", "20", "--output", "table")
    wait_until(shown.rows, "the table")
    first = shown.text
    wait_until(lambda: shown.rows() and shown.text != first, "another one")


def test_ctrl_c_gives_the_terminal_back_with_the_last_table_in_it(terminal):
    shown = terminal("--input", "simulator:3", "--output", "table")
    wait_until(shown.rows, "the table")
    os.killpg(shown.process.pid, signal.SIGINT)
    assert shown.process.wait(LONGEST_WAIT_S) == 0
    # What it wrote last is read here a moment later.
    wait_until(lambda: b"3 of 3 batteries" in shown.raw.partition(LEAVE)[2], "the last table")
    wait_until(lambda: SHOW_CURSOR in shown.raw, "the cursor")
    assert termios.tcgetattr(shown.theirs) == shown.before


def test_the_demo_shows_what_a_subscriber_receives_and_where_the_page_is(terminal):
    shown = terminal("--seconds", LONGEST_WAIT_S, program=("-m", "tests.support.demo"))
    wait_until(lambda: len(shown.rows()) == 14, "14 batteries")
    wait_until(lambda: "the page: http://127.0.0.1:" in shown.text, "the address")
    page = re.search(r"http://[\d.:]+", shown.text)[0]
    assert urllib.request.urlopen(f"{page}/batteries.json", timeout=20).status == 200
    os.killpg(shown.process.pid, signal.SIGINT)
    assert shown.process.wait(LONGEST_WAIT_S) == 0
    wait_until(lambda: LEAVE in shown.raw, "the terminal as it was")


def test_the_log_stands_below_the_table_and_not_in_its_midst(terminal):
    shown = terminal("--input", "can:nowhere0", "--output", "table")
    wait_until(lambda: "no complete burst from any battery yet" in shown.text, "the table")
    wait_until(lambda: "nowhere0:" in shown.text, "why")


def test_what_needs_attention_stands_below_the_batteries_and_not_in_the_log_there(terminal):
    arguments = ("--faults", "alarm1:2@0", "--output", "table", "--speed", "10")
    shown = terminal("--input", "simulator:3", *arguments)
    below = re.compile(
        r"^ *!2 .*^problem since \d\d:\d\d  Battery 2: alarm level 1", re.DOTALL | re.MULTILINE
    )
    wait_until(lambda: below.search(shown.text), "the finding below the batteries")
    assert "needs attention:" not in shown.text


def test_without_a_terminal_it_prints_plain_lines(run):
    done = run("--input", LOG, "--output", "table", "--fields", "extended", "--speed", "0")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "3 of 14 batteries" in done.stdout
    assert len(re.findall(r"\d{4} c\d+ +\d{4} c\d+", done.stdout)) == len(EXAMPLE)


def test_a_reader_that_has_seen_enough_is_no_failure(start):
    process = start("--input", "simulator:2", "--speed", "0", "--output", "table")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(LONGEST_WAIT_S) == 0


def test_an_old_battery_keeps_its_line_and_tells_its_age():
    now = 0.0
    text = io.StringIO()
    table = Table(text, lambda: now)
    table.publish(FULL)
    now = 7.0
    table.publish(FULL[1:])
    last = text.getvalue().rpartition("kW")[2]
    assert "2 of 14 batteries" in last
    assert re.search(r"(?m)^ *1 .* 7s *$", last)
    assert re.search(r"(?m)^ *2 .* 0s *$", last)


@pytest.mark.parametrize(
    ("mv", "bar"), [(3300, "▅"), (3320, "█"), (3400, "█"), (3280, "▁"), (3200, "▁")]
)
def test_a_bar_is_as_high_as_the_cell_is_far_from_the_median(mv, bar):
    text = io.StringIO()
    cells = [3300] * 15 + [mv]
    Table(text).publish(decoded(sent(1, cell_voltages=cells))[0])
    assert re.search(r"[▁▂▃▄▅▆▇█]{16}", text.getvalue())[0] == "▅" * 15 + bar


def test_two_batteries_that_come_and_go_do_not_grow_it_for_ever():
    text = io.StringIO()
    table = Table(text)
    for number in range(MOST_KNOWN + 10):
        text.seek(0)
        text.truncate()
        table.publish([{**FULL[0], "battery_id": f"2211054F{number:04d}"}])
    _of_the_bank, _labels, _units, *batteries = text.getvalue().splitlines()
    assert len(batteries) == MOST_KNOWN
