"""Does the memory grow in a day of a bank, played as fast as possible?"""

from __future__ import annotations

import re
import sys
import time
from statistics import median

from tests.support.program import MAIN

from . import running
from .report import Claim, Part

BATTERIES = 14
DAY = 86_000
"""The cycles of 24 hours."""
TENTHS = 10
ENOUGH = 3
GROWTH_MB = 1.0
LONGEST_S = 1800.0


def measure(quick: bool) -> Part:
    """Measure the memory in each tenth of the day."""
    cycles = DAY // TENTHS if quick else DAY
    with running.broker() as (broker, folder):
        call = [sys.executable, str(MAIN), "-c", str(running.ini_of(folder, broker))]
        samples: list[list[float]] = [[] for _ in range(TENTHS)]
        until = time.monotonic() + LONGEST_S
        with running.ready([*call, "--input", f"simulator:{BATTERIES}", "--speed", "0"]) as program:
            while (done := _cycles(program.notified())) < cycles:
                assert time.monotonic() < until, f"{done} of {cycles} cycles in {LONGEST_S} s"
                samples[done * TENTHS // cycles].append(running.memory(program.pid))
    # A tenth that takes less than a second may have no sample.
    tenths = [median(each) if each else None for each in samples]
    known = [each for each in tenths if each]
    assert len(known) >= ENOUGH, "too fast for enough samples"
    return Part(
        "A day: does the memory grow?",
        f"{cycles} cycles of {BATTERIES} batteries, simulated and published to a broker with QoS 2 "
        "as fast as possible; the median of each tenth.",
        ("tenth", *map(str, range(1, TENTHS + 1))),
        [("RSS, MB", *(f"{each:.2f}" if each else "" for each in tenths))],
        [
            Claim(
                f"growth from the first tenth of {cycles} cycles to the last",
                *(known[-1] - known[0], GROWTH_MB, "MB"),
            )
        ],
    )


def _cycles(status: str) -> int:
    found = re.search(r"(\d+) cycles", status)
    return int(found[1]) if found else 0
