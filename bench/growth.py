"""How the cost grows with the batteries of a bank, and with the banks at one broker."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from eflexcan2mqtt.sources import simulator
from tests.bank import FRAMES_PER_BURST
from tests.broker import Broker
from tests.program import MAIN

from . import pipeline, running
from .daemon import frame_cost
from .report import Claim, Part

BATTERIES = (1, 2, 4, 8, 15)
BANKS = {1: 1000, 5: 400, 20: 100}
"""How many banks, and the cycles of each."""
FRAMES = 50_000
FLAT = 1.5
TURNS = 5


def batteries() -> Part:
    """The cost of a frame in banks of different sizes."""
    rows: list[tuple[object, ...]] = []
    decoded: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Broker(folder).start()
        call = [sys.executable, str(MAIN), "-c", str(running.ini_of(folder, broker))]
        for count in BATTERIES:
            cycles = FRAMES // (count * FRAMES_PER_BURST)
            frames = list(islice(simulator.frames(count, 0.0), cycles * count * FRAMES_PER_BURST))
            work = lambda frames=frames: pipeline.ours(frames, "extended")  # noqa: E731
            decoded.append(min(pipeline.microseconds(work, len(frames)) for _ in range(TURNS)))
            whole = frame_cost(folder, call, count, cycles)
            second = whole * count * FRAMES_PER_BURST / 1.012 / 1e4
            rows.append((count, decoded[-1], decoded[-1] / decoded[0], whole, second))
        broker.kill()
    return Part(
        "Growth: batteries of a bank",
        f"About {FRAMES} frames each. The pipeline alone, then the whole program from a log to a "
        "broker: an array costs the same however long it is, and a small bank has fewer frames "
        "to share that; what it takes of a core is the last column.",
        (
            "batteries",
            *("pipeline, µs a frame", "x that of one"),
            *("program, µs a frame", "% of a core at the bank's pace"),
        ),
        rows,
        [Claim("the pipeline's frame of 15 batteries against one", decoded[-1] / decoded[0], FLAT)],
    )


def banks() -> Part:
    """The cost of a frame with more and more banks at one broker, a process each."""
    rows: list[tuple[object, ...]] = []
    costs: list[float] = []
    for count, cycles in BANKS.items():
        with tempfile.TemporaryDirectory() as name:
            cost, broker_cost, seconds = _together(Path(name), count, cycles)
        costs.append(cost)
        arrays = count * cycles
        rows.append((count, cost, cost / costs[0], broker_cost / arrays * 1e6, arrays / seconds))
    return Part(
        "Growth: banks at one broker",
        "So many processes at once, each playing cycles of 14 batteries as fast as it "
        "goes, with QoS 2, to one mosquitto with one subscriber of all.",
        ("banks", "µs a frame", "x that of one", "broker, µs an array", "arrays a second"),
        rows,
        [Claim("a frame with 20 banks against one", costs[-1] / costs[0], FLAT)],
    )


def _together(folder: Path, count: int, cycles: int) -> tuple[float, float, float]:
    """µs a frame, CPU seconds of the broker, and the seconds that it took."""
    broker = Broker(folder, "allow_anonymous true", "max_queued_messages 0").start()
    subscriber = subprocess.Popen(
        ["mosquitto_sub", "-p", str(broker.port), "-q", "2", "-t", "#"], stdout=subprocess.DEVNULL
    )

    def together(played: int) -> tuple[float, float]:
        log = running.log_of(folder, 14, played)
        begun = time.monotonic()
        processes = [
            subprocess.Popen(
                [sys.executable, str(MAIN), "-c", str(ini), "--input", str(log), "--speed", "0"],
                stderr=subprocess.PIPE,
                text=True,
            )
            for ini in inis
        ]
        used = sum(map(running.finished, processes))
        return used, time.monotonic() - begun

    inis = [
        running.ini_of(folder, broker, client_id=f"bank{each}", topic=f"eflex/bank{each}")
        for each in range(count)
    ]
    short, start_s = together(1)
    before = running.cpu(broker.pid)
    long, seconds = together(cycles)
    used = running.cpu(broker.pid) - before
    subscriber.terminate()
    subscriber.wait()
    broker.kill()
    frames = count * (cycles - 1) * 14 * FRAMES_PER_BURST
    return (long - short) / frames * 1e6, used, max(seconds - start_s, 1e-3)
