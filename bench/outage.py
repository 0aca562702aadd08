"""What a slow disk costs the loop that reads the bus, while the broker is away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

from tests.support.paced import BATTERIES
from tests.support.program import MAIN
from tests.support.proxy import Proxy
from tests.support.slow_disk import FSYNC_MS, slow_disk

from . import running
from .report import Claim, Part

AWAY = 0.4
"""The share of the run that the broker is away."""

AT_MOST_MS = 20.0
STOP_S = 2.0
END_S = 60.0


def measure(quick: bool) -> Part:
    """A bank at its pace through an outage, with the disk as it is and with a slow one."""
    cycles = 20 if quick else 120
    found = {}
    for name, slow in (("the disk as it is", False), (f"each fsync {FSYNC_MS} ms", True)):
        with tempfile.TemporaryDirectory() as folder:
            environment = slow_disk(Path(folder)) if slow else {}
            found[name] = _outage(Path(folder), cycles, environment)
    rows = [
        (name, *(_percentile(each["gaps_ms"], at) for at in (0.5, 0.999, 1.0)), each["stop_s"])
        for name, each in found.items()
    ]
    usual, slow_one = found.values()
    more = _percentile(slow_one["gaps_ms"], 0.999) - _percentile(usual["gaps_ms"], 0.999)
    return Part(
        "Outage: the bus and a slow disk",
        f"{cycles} cycles of {BATTERIES} batteries at their pace; the broker is away for "
        f"{AWAY:.0%} of them. A gap is how long after its time the loop was done with a frame.",
        ("", "median gap, ms", "99.9th percentile, ms", "longest, ms", "stop, s"),
        rows,
        [
            Claim("99.9th percentile of the gaps, more with the slow disk", more, AT_MOST_MS, "ms"),
            Claim("frames that were late by a cycle", slow_one["late"], 0, "frames"),
            Claim("a stop with the slow disk", slow_one["stop_s"], STOP_S, "s"),
        ],
    )


def _outage(folder: Path, cycles: int, environment: dict[str, str]) -> dict[str, Any]:
    with running.broker() as (broker, _):
        network = Proxy(broker.port)
        command = [sys.executable, "-m", "tests.support.paced"]
        process = subprocess.Popen(
            [*command, str(network.port), str(folder / "spool"), str(cycles)],
            cwd=MAIN.parent,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(cycles * (1 - AWAY) / 2)
            network.down()
            time.sleep(cycles * AWAY)
            network.up()
            printed, _ = process.communicate(timeout=cycles + END_S)
        finally:
            process.kill()
            network.close()
    found: dict[str, Any] = json.loads(printed)
    return found


def _percentile(values: list[float], share: float) -> float:
    if share == 1.0:
        return max(values)
    return quantiles(values, n=1000)[round(share * 1000) - 1]
