"""A day of a bank, played as fast as it goes: does the memory grow?"""

from __future__ import annotations

import re
import sys
from statistics import median

from tests.program import MAIN

from . import running
from .report import Claim, Part

BATTERIES = 14
DAY = 86_000
"""The cycles of 24 hours."""
GROWTH_MB = 1.0


def measure(quick: bool) -> Part:
    """The memory in each tenth of the day."""
    cycles = DAY // 10 if quick else DAY
    with running.broker() as (broker, folder):
        call = [sys.executable, str(MAIN), "-c", str(running.ini_of(folder, broker))]
        samples: list[list[float]] = [[] for _ in range(10)]
        with running.ready([*call, "--input", f"simulator:{BATTERIES}", "--speed", "0"]) as program:
            while (done := _cycles(program.told())) < cycles:
                samples[done * 10 // cycles].append(running.memory(program.pid))
    tenths = [median(each) for each in samples]
    return Part(
        "A day: does the memory grow?",
        f"{cycles} cycles of {BATTERIES} batteries, simulated and published to a broker with QoS 2 "
        "as fast as it goes; the median of each tenth.",
        ("tenth", *map(str, range(1, 11))),
        [("RSS, MB", *(f"{each:.1f}" for each in tenths))],
        [Claim("growth from the first tenth to the last", tenths[-1] - tenths[0], GROWTH_MB, "MB")],
    )


def _cycles(told: str) -> int:
    found = re.search(r"(\d+) cycles", told)
    return int(found[1]) if found else 0
