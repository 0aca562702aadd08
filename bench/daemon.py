"""The whole program, from a recording to a broker, from source and frozen."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from tests.support.bank import FRAMES_PER_BURST

from . import running
from .report import Claim, Part

BATTERIES = 14
CYCLES = 300
STARTS = 5
TURNS = 3
LIVE_S = 5.0
FROZEN_AGAINST_SOURCE = 1.5
"""Both run the same bytecode; only how Python was built may differ."""


def measure() -> Part:
    """Measure CPU, memory and the time to READY of both."""
    rows: list[tuple[object, ...]] = []
    costs: dict[str, float] = {}
    with running.broker() as (broker, folder):
        ini = running.ini_of(folder, broker)
        for program, command in running.programs(folder).items():
            call = [*command, "-c", str(ini)]
            costs[program] = frame_cost(folder, call, BATTERIES, CYCLES)
            starts, (share, held) = [_start(call) for _ in range(STARTS)], _live(call)
            rows.append((program, costs[program], share, median(starts), held))
    return Part(
        "The program: a recording to a broker",
        f"CPU time of the process for {CYCLES} cycles of {BATTERIES} batteries, read from a "
        "recording and published with QoS 2 as shipped, without that of its start; then the share "
        "of a core, and the memory, of the same bank simulated at its own pace; and the time from "
        f"exec to READY, the median of {STARTS}.",
        ("", "µs a frame", "% of a core", "start to READY, s", "RSS, MB"),
        rows,
        [
            Claim(
                "a frame of the frozen program against the source",
                costs["frozen"] / costs["source"],
                FROZEN_AGAINST_SOURCE,
            )
        ],
    )


def frame_cost(folder: Path, call: list[str], batteries: int, cycles: int) -> float:
    """µs a frame without the start, played as fast as possible; the best of a few."""
    short, long = (
        min(
            running.cost(
                [*call, "--input", str(running.log_of(folder, batteries, each)), "--speed", "0"]
            )
            for _ in range(TURNS)
        )
        for each in (1, cycles)
    )
    return (long - short) / ((cycles - 1) * batteries * FRAMES_PER_BURST) * 1e6


def _start(call: list[str]) -> float:
    begun = time.monotonic()
    with running.ready([*call, "--input", f"simulator:{BATTERIES}"]):
        return time.monotonic() - begun


def _live(call: list[str]) -> tuple[float, float]:
    with running.ready([*call, "--input", f"simulator:{BATTERIES}"]) as program:
        before = running.cpu(program.pid)
        time.sleep(LIVE_S)
        used = running.cpu(program.pid) - before
        return used / LIVE_S * 100, running.memory(program.pid)
