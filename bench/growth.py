"""How the cost grows with the batteries of a bank, and with the banks at one broker."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.simulator import CYCLE_S
from tests.support.bank import FRAMES_PER_BURST
from tests.support.broker import Broker
from tests.support.program import MAIN

from . import pipeline, running
from .daemon import frame_cost
from .report import Claim, Part

BATTERIES = (1, 2, 4, 8, 15)
FRAMES = 50_000
BANKS = ((1, 1, 1000), (5, 1, 400), (20, 1, 100), (20, 5, 100))
"""How many banks and subscribers, and the cycles of each bank."""
BANK = 14
FLAT = 1.75
"""Twenty processes on two cores lose some time whenever they take turns."""
BANK_TURNS = 2
ARRIVE_S = 60.0
TURNS = 5


def batteries() -> Part:
    """The cost of a frame in banks of different sizes."""
    decoded: list[float] = []
    whole: list[float] = []
    with running.broker() as (broker, folder):
        call = [sys.executable, str(MAIN), "-c", str(running.ini_of(folder, broker))]
        for count in BATTERIES:
            cycles = FRAMES // (count * FRAMES_PER_BURST)
            frames = list(islice(simulator.frames(count, 0.0), cycles * count * FRAMES_PER_BURST))
            work = lambda frames=frames: pipeline.ours(frames, "extended")  # noqa: E731
            decoded.append(min(pipeline.microseconds(work, len(frames)) for _ in range(TURNS)))
            whole.append(frame_cost(folder, call, count, cycles))
    return Part(
        "Growth: batteries of a bank",
        f"About {FRAMES} frames each: the pipeline alone, then the whole program from a recording "
        "to a broker. Handing over an array costs about the same for any length, and a small bank "
        "has fewer frames to share that: the cost of a frame falls with the size of the bank.",
        (
            "batteries",
            *("pipeline, µs a frame", "x that of one"),
            *("program, µs a frame", "x that of one", "% of a core at the bank's pace"),
        ),
        [
            (
                *(count, alone, alone / decoded[0], all_of_it, all_of_it / whole[0]),
                all_of_it * count * FRAMES_PER_BURST / CYCLE_S / 1e4,
            )
            for count, alone, all_of_it in zip(BATTERIES, decoded, whole, strict=True)
        ],
        [
            Claim(
                f"the {name}'s frame of 15 batteries against the cheapest",
                each[-1] / min(each),
                FLAT,
            )
            for name, each in (("pipeline", decoded), ("program", whole))
        ],
    )


def banks() -> Part:
    """The cost of a frame with more and more banks at one broker, a process each."""
    found: dict[tuple[int, int], Together] = {}
    for count, readers, cycles in BANKS * BANK_TURNS:
        each = _together(count, readers, cycles)
        found[count, readers] = min(each, found.get((count, readers), each))
    one = found[1, 1].frame
    return Part(
        "Growth: banks at one broker",
        f"Several processes at once, each playing a bank of {BANK} as fast as possible, with QoS "
        "2, to one mosquitto on the same machine, with subscribers of all of them.",
        (
            *("banks", "subscribers", "µs a frame", "x that of one"),
            *("broker, µs an array", "arrays a second"),
        ),
        [
            (*many, each.frame, each.frame / one, each.broker, each.pace)
            for many, each in found.items()
        ],
        [
            Claim(f"a frame with {count} banks against one", found[count, 1].frame / one, FLAT)
            for count in (5, 20)
        ],
    )


class Together(NamedTuple):
    """µs a frame in a bank's process, µs an array in the broker, and arrays a second."""

    frame: float
    broker: float
    pace: float


def _together(count: int, readers: int, cycles: int) -> Together:
    with (
        running.broker("allow_anonymous true", "max_queued_messages 0") as (broker, folder),
        _subscribed(broker, folder, readers) as subscribers,
    ):
        inis = [
            running.ini_of(folder, broker, client_id=f"bank{each}", topic=f"eflex/bank{each}")
            for each in range(count)
        ]

        def play(each: int) -> tuple[float, float]:
            """Play until every array has arrived; return the banks' CPU seconds, and seconds."""
            begun = time.monotonic()
            used = _played(running.log_of(folder, BANK, each), inis)
            for subscriber in subscribers:
                subscriber.wait_for(count * each)
            return used, time.monotonic() - begun

        short, start_s = play(1)
        before = running.cpu(broker.pid)
        long, seconds = play(cycles)
        broker_s = running.cpu(broker.pid) - before
    arrays, frames = count * cycles, count * (cycles - 1) * BANK * FRAMES_PER_BURST
    return Together(
        (long - short) / frames * 1e6,
        broker_s / arrays * 1e6,
        arrays / (seconds - start_s),
    )


def _played(log: Path, inis: list[Path]) -> float:
    """Play a recording with a process for each INI; the sum of their CPU seconds."""
    processes = [
        running.start(
            [sys.executable, str(MAIN), "-c", str(ini), "--input", str(log), "--speed", "0"]
        )
        for ini in inis
    ]
    try:
        return sum(map(running.finished, processes))
    finally:
        for each in processes:
            each.kill()  # only if another one has failed


class _Subscriber:
    """Subscribes to the arrays of all banks and counts them."""

    def __init__(self, broker: Broker, file: Path) -> None:
        self._file = file
        # The broker's version is retained: once it arrives, the subscription works.
        topics = ("-t", "$SYS/broker/version", "-t", "eflex/+")
        command = ["mosquitto_sub", "-p", str(broker.port), "-q", "2", *topics, "-F", "%l"]
        with file.open("wb") as lines:
            self._process = subprocess.Popen(command, stdout=lines)
        self._seen = 0
        self.wait_for(1)

    def wait_for(self, count: int) -> None:
        """Wait until so many more have arrived."""
        self._seen += count
        until = time.monotonic() + ARRIVE_S
        while (seen := self._file.read_bytes().count(b"\n")) < self._seen:
            assert time.monotonic() < until, f"{seen} of {self._seen} arrays"
            time.sleep(0.02)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def _subscribed(broker: Broker, folder: Path, count: int) -> Iterator[list[_Subscriber]]:
    with ExitStack() as stack:
        made = []
        for each in range(count):
            made.append(_Subscriber(broker, folder / f"subscriber{each}"))
            stack.callback(made[-1].close)
        yield made
