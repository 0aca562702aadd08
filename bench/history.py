"""What history and recorder cost: the service, the loop that reads the bus, disk and memory."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.decode import decode
from eflexcan2mqtt.protocol.energy import LONGEST_S
from eflexcan2mqtt.protocol.events import HistoryEvent
from eflexcan2mqtt.protocol.minutes import Minute, Minutes
from eflexcan2mqtt.sinks.history.columns import QUARTER
from eflexcan2mqtt.sinks.history.store import FILE_NAME, History
from eflexcan2mqtt.sources.simulated_bank import Bank
from eflexcan2mqtt.sources.simulator import CYCLE_S
from tests.support.broker import free_port, wait_until
from tests.support.program import MAIN
from tests.support.slow_disk import FSYNC_MS, slow_disk

from . import running, side_by_side
from .report import Claim, Part
from .side_by_side import BATTERIES

DAY_S, DAY_MIN, HOUR_MIN, WRITE_MIN = 86_400, 1440, 60, 5
YEAR_DAYS, WHOLE_DAYS = 365, 16
"""Of all days but the last few only one minute of each quarter of an hour goes in: it makes the
same file in a tenth of the time."""
EVENTS_A_DAY = 50
PACED_S, QUICK_S = 330, 60
"""Longer than five minutes: one write is in it."""
LOOP_CYCLES, QUICK_CYCLES = 120, 20
QUESTIONS = 7
END_S = 60.0

NO_HISTORY, NO_RECORDER = "[history]\nmax_mb = 0\n", "[recorder]\nmax_mb = 0\n"

MORE_CPU, MORE_CPU_OF_RECORDER = 1.03, 1.02
MORE_MB = 4.0
MORE_GAP_MS = 20.0
YEAR_MB = 80.0
DAY_MB = 30.0
ANSWER_MS = 150.0
RSS_MB = 40.0


def measure(quick: bool) -> Part:
    """The service side by side, the loop, and a year of a bank."""
    used = side_by_side.measure(
        QUICK_S if quick else PACED_S,
        {"without": NO_HISTORY + NO_RECORDER, "history": NO_RECORDER, "recorder": NO_HISTORY},
    )
    without, with_history, with_recorder = used.values()
    gaps = {
        name: _loop(QUICK_CYCLES if quick else LOOP_CYCLES, kept, slow)
        for name, kept, slow in (
            ("without history", False, False),
            ("with history", True, False),
            (f"each fsync {FSYNC_MS} ms", True, True),
        )
    }
    usual, *others = gaps.values()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size, written = _year(folder)
        answers, memory = _asked(folder)
    rows: list[tuple[object, ...]] = [
        ("CPU at a bank's pace, % of a core: with history", without.cpu, with_history.cpu),
        ("CPU at a bank's pace, % of a core: with recorder", without.cpu, with_recorder.cpu),
        ("RSS, MB: with recorder", without.memory, with_recorder.memory),
        *(
            (f"the loop's gaps, 99.9th percentile, ms: {name}", usual, found)
            for name, found in list(gaps.items())[1:]
        ),
        ("a year on disk, MB", "", size),
        ("written in a day, MB", "", written),
        *((f"answer, ms: {what}", "", found) for what, found in answers.items()),
        ("RSS after these answers, MB", "", memory),
    ]
    return Part(
        "History and recorder",
        f"{BATTERIES} batteries. Three programs run side by side, without both, with history, and "
        "with the recorder, on one bus (udp_multicast), at the pace of a bank. In the loop each "
        "cycle ends a minute, which is written within a second. The year goes straight through "
        "the minutes into the file, by the hour, then a day as the service writes it, every five "
        "minutes; the bytes are those that the kernel counts for the process. The page then "
        "answers from this file.",
        ("", "without", "with"),
        rows,
        [
            Claim("CPU with history against without", with_history.cpu / without.cpu, MORE_CPU),
            Claim(
                "CPU with recorder against without",
                with_recorder.cpu / without.cpu,
                MORE_CPU_OF_RECORDER,
            ),
            Claim("RSS with recorder, more", with_recorder.memory - without.memory, MORE_MB, "MB"),
            Claim("99.9th percentile of the gaps, more", max(others) - usual, MORE_GAP_MS, "ms"),
            Claim("a year on disk", size, YEAR_MB, "MB"),
            Claim("written in a day", written, DAY_MB, "MB"),
            Claim("a year, 500 points", answers["a year"], ANSWER_MS, "ms"),
            Claim("RSS", memory, RSS_MB, "MB"),
        ],
    )


def _loop(cycles: int, kept: bool, slow: bool) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "bench.history_loop", str(cycles)),
                *([str(folder / "history")] if kept else []),
            ],
            cwd=MAIN.parent,
            env={**os.environ, **(slow_disk(folder) if slow else {})},
            check=True,
            stdout=subprocess.PIPE,
            timeout=cycles * CYCLE_S + END_S,
        )
    gaps_ms: list[float] = json.loads(done.stdout)
    return quantiles(gaps_ms, n=1000)[998]


def _day() -> list[list[Minute]]:
    """The minutes of a simulated day, from cycles that are as far apart as may be."""
    bank, minutes = Bank(BATTERIES, seed=1), Minutes()
    found = []
    for at in range(0, DAY_S + 1, int(LONGEST_S)):
        cycle = [
            decode(Record(number, *payloads, float(at)))
            for number, payloads in enumerate(bank.step(LONGEST_S), 1)
        ]
        if ended := minutes.cycle(cycle):
            found.append(ended)
    return found


def _year(folder: Path) -> tuple[float, float]:
    """Fill a file with a year; its size, and what the last day wrote, in MB."""
    day = _day()
    first = int(time.time()) // 60 - YEAR_DAYS * DAY_MIN
    whole = (YEAR_DAYS - WHOLE_DAYS) * DAY_MIN
    last_day = (YEAR_DAYS - 1) * DAY_MIN

    def write(history: History, begin: int, count: int) -> None:
        old = begin < whole
        minutes = [
            _quarter(each, first + at) if old else each._replace(time=first + at)
            for at in range(begin, begin + count, QUARTER if old else 1)
            for each in day[at % DAY_MIN]
        ]
        history.write(minutes, list(_events(first + begin, count)))
        history.thin(1)

    with closing(History(folder)) as history:
        for begin in range(0, last_day, HOUR_MIN):
            write(history, begin, HOUR_MIN)
        before = _written()
        for begin in range(last_day, last_day + DAY_MIN, WRITE_MIN):
            write(history, begin, WRITE_MIN)
        written = _written() - before
    return (folder / FILE_NAME).stat().st_size / 1e6, written / 1e6


def _quarter(minute: Minute, time: int) -> Minute:
    """A minute that makes as large a quarter of an hour as fifteen of them."""
    return minute._replace(
        time=time,
        seconds=QUARTER * minute.seconds,
        energy_in=QUARTER * minute.energy_in,
        energy_out=QUARTER * minute.energy_out,
    )


def _events(begin: int, count: int) -> Iterator[HistoryEvent]:
    for at in range(begin, begin + count):
        if not at % (DAY_MIN // EVENTS_A_DAY):
            text = "alarm words: level 3: 0x0100"
            yield HistoryEvent(at * 60, at % BATTERIES + 1, "alarm", at % 2, text)


def _written() -> int:
    """The bytes that the kernel will write to disks for this process; on tmpfs, those it wrote."""
    found = dict(re.findall(r"(\w+): (\d+)", Path("/proc/self/io").read_text()))
    return max(int(found["write_bytes"]), int(found["wchar"]))


def _asked(folder: Path) -> tuple[dict[str, float], float]:
    """How long the page takes for answers, in ms, and the memory of the program behind it."""
    now, port = int(time.time()), free_port()
    ini = folder / "asked.ini"
    ini.write_text(f"[storage]\ndirectory = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n")
    call = [sys.executable, str(MAIN), "-c", str(ini), "--input", f"simulator:{BATTERIES}"]
    found = {}
    with running.ready([*call, "--output", "web"]) as program:
        wait_until(lambda: _listens(port), "the page")
        for what, days, battery in (
            ("a day", 1, "bank"),
            ("a week", 7, "bank"),
            ("a month", 30, "bank"),
            ("a year", YEAR_DAYS, "bank"),
            ("a year of a battery", YEAR_DAYS, "7"),
        ):
            url = f"http://127.0.0.1:{port}/history?battery={battery}&from={now - days * DAY_S}"
            times = []
            for _ in range(QUESTIONS):
                begun = time.perf_counter()
                with urllib.request.urlopen(url, timeout=END_S) as answer:
                    points = json.load(answer)["time"]
                times.append((time.perf_counter() - begun) * 1e3)
            assert len(points) > 300, what
            found[what] = median(times)
        return found, running.memory(program.pid)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
