"""Several programs that hear the same bank on one bus, each with settings of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import can

from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.simulator import CYCLE_S
from tests.support.adapters import multicast
from tests.support.bank import FRAMES_PER_BURST
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
    group = multicast()
    with running.broker() as (broker, folder), ExitStack() as stack:
        programs = [
            stack.enter_context(running.ready(_call(folder, broker, group, more, name)))
            for name, more in settings.items()
        ]
        bus = stack.enter_context(can.Bus(interface="udp_multicast", ignore_config=True, **group))
        _send(bus, _WARM)
        before = [_cpu_s(each.pid) for each in programs]
        _send(bus, round(seconds / CYCLE_S))
        used = [_cpu_s(each.pid) - then for each, then in zip(programs, before, strict=True)]
        for each in programs:
            os.kill(each.pid, signal.SIGUSR1)  # with a recorder, it makes a recording
        time.sleep(_RECORDING_S)
        return {
            name: Used(cpu / seconds * 100, running.memory(each.pid))
            for name, each, cpu in zip(settings, programs, used, strict=True)
        }


def _send(bus: can.BusABC, cycles: int) -> None:
    """At a bank's pace, the burst of one battery after the other."""
    frames = simulator.frames(BATTERIES, time.time())
    due = time.monotonic()
    for _ in range(cycles * BATTERIES):
        for can_id, data, _ in islice(frames, FRAMES_PER_BURST):
            bus.send(can.Message(arbitration_id=can_id, data=data, is_extended_id=False))
        due += CYCLE_S / BATTERIES
        time.sleep(max(0.0, due - time.monotonic()))


def _call(
    folder: Path, broker: Broker, group: Mapping[str, Any], more: str, name: str
) -> list[str]:
    ini = running.ini_of(
        folder,
        broker,
        interface="udp_multicast",
        channel=group["channel"],
        topic=name,
        client_id=name,
    )
    options = f"port = {group['port']}\nhop_limit = {group['hop_limit']}\n"
    text = ini.read_text().replace("[can]\n", f"[can]\n{options}", 1)
    ini.write_text(text + more)
    return [sys.executable, str(MAIN), "-c", str(ini)]


def _cpu_s(pid: int) -> float:
    """To the nanosecond, where ticks would be too coarse."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((each / "schedstat").read_text().split()[0]) for each in tasks) / 1e9
