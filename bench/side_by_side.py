"""Several programs that hear the same bank at its pace, each with settings of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.simulator import CYCLE_S
from tests.support.bank import FRAMES_PER_BURST, candump_line
from tests.support.broker import Broker
from tests.support.program import MAIN

from . import running

BATTERIES = 14
_WARM = 10  # cycles
_RECORDING_S = 5.0


class Used(NamedTuple):
    """What a program took: CPU in % of a core, and its memory in MB, after a recording if it
    makes any."""

    cpu: float
    memory: float


def measure(seconds: int, settings: Mapping[str, str]) -> dict[str, Used]:
    """By the names of the programs; ``settings`` are lines of their INIs."""
    lines = map(candump_line, simulator.frames(BATTERIES, time.time()))
    burst = BATTERIES * FRAMES_PER_BURST
    with running.broker() as (broker, folder), ExitStack() as stack:
        programs = [
            stack.enter_context(running.started(_call(folder, broker, more, name)))
            for name, more in settings.items()
        ]
        before = [0.0] * len(programs)
        due = time.monotonic()
        for number in range(_WARM + round(seconds / CYCLE_S)):
            if number == _WARM:
                before = [_cpu_s(each.pid) for each in programs]
            text = "".join(islice(lines, burst))
            # In turns, for the first may find caches cold.
            first = number % len(programs)
            for each in programs[first:] + programs[:first]:
                each.write(text)
            due += CYCLE_S
            time.sleep(max(0.0, due - time.monotonic()))
        used = [_cpu_s(each.pid) - then for each, then in zip(programs, before, strict=True)]
        for each in programs:
            os.kill(each.pid, signal.SIGUSR1)  # with a recorder, it makes a recording
        time.sleep(_RECORDING_S)
        return {
            name: Used(cpu / seconds * 100, running.memory(each.pid))
            for name, each, cpu in zip(settings, programs, used, strict=True)
        }


def _call(folder: Path, broker: Broker, more: str, name: str) -> list[str]:
    ini = running.ini_of(folder, broker, topic=name, client_id=name)
    ini.write_text(ini.read_text() + more)
    return [sys.executable, str(MAIN), "-c", str(ini), "--input", "-", "--speed", "0"]


def _cpu_s(pid: int) -> float:
    """To the nanosecond, where ticks would be too coarse."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((each / "schedstat").read_text().split()[0]) for each in tasks) / 1e9
