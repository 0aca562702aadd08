"""Reading SocketCAN, in the booted machine of tests/system: our source beside the other ways.

Each way reads alone frames of the same sender at the same rate, all of them in turns; the best of
the turns counts.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path
from typing import NamedTuple

import eflexcan2mqtt
from eflexcan2mqtt.sources.socketcan import GATHER_S
from tests.support import machine as system
from tests.support.machine import CommandError, Machine

from .booted import CAN, GUEST, booted
from .report import Claim, Part

BARE, GATHERED, OURS, SLOW = "recvmsg", "recvmsg, gathered", "ours", "Bus.recv"
WAYS = ("recv", BARE, GATHERED, OURS, SLOW, "Notifier", "asyncio Notifier")
CLAIMED = (BARE, GATHERED, OURS, SLOW)
RATES = (252, 2000)
"""Frames a second: a bank of 14, and about the most that the wire carries."""
TURNS = 2
SECONDS = 6.0
AGAINST_BARE = 2.0
AGAINST_PYTHON_CAN = 4.0
REAL = 0.95
"""The emulated sender must keep its pace for the figures to mean anything."""
WAIT_S = 60.0
NEEDED = ("python-can", "typing-extensions", "packaging", "wrapt")


class Found(NamedTuple):
    """CPU time, µs a frame; how many of the counted frames were lost; frames a second."""

    cost: float
    lost: float
    rate: float

    def better(self, other: Found) -> Found:
        """The lesser cost, but whatever was lost."""
        return Found(min(self.cost, other.cost), self.lost + other.lost, min(self.rate, other.rate))


NEVER = Found(float("inf"), float("inf"), 0.0)
"""A way that did not keep up, and never saw its frames."""


def measure(quick: bool) -> Part:
    """The CPU time of each way at each rate; ``quick`` leaves out what nothing is claimed of."""
    ways, seconds = (CLAIMED, SECONDS / 2) if quick else (WAYS, SECONDS)
    best: dict[tuple[str, int], Found] = {}
    with booted() as machine:
        reader, sender = _put_programs(machine)
        for _ in range(TURNS):
            for rate in RATES:
                for way in ways:
                    found = _read(machine, reader, sender, way, rate, seconds)
                    if way in CLAIMED:
                        assert found != NEVER, f"{way} did not keep up with {rate}/s"
                    key = way, rate
                    best[key] = found.better(best[key]) if key in best else found
    return Part(
        "Reading SocketCAN",
        "CPU time of the reading process in the emulated machine of tests/system, about 16 times "
        "slower than its host. recv and recvmsg are loops of that one call and a struct, recvmsg "
        "with the kernel's time of arrival, as ours; x is against that. A process that is woken "
        "for each frame pays more for that than for reading it: ours lets them gather for "
        f"{GATHER_S * 1e3:.0f} ms, and so does the third loop, which does nothing else.",
        ("", *(f"{name} at {rate}/s" for rate in RATES for name in ("µs a frame", "x", "lost"))),
        [
            (
                way,
                *(
                    figure
                    for rate in RATES
                    for figure in (
                        *(best[way, rate].cost, best[way, rate].cost / best[BARE, rate].cost),
                        best[way, rate].lost,
                    )
                ),
            )
            for way in ways
        ],
        [claim for rate in RATES for claim in _claims(best, rate)],
    )


def _claims(best: dict[tuple[str, int], Found], rate: int) -> Iterator[Claim]:
    ours = best[OURS, rate]
    for way in (BARE, GATHERED):
        ratio = ours.cost / best[way, rate].cost
        yield Claim(f"ours against {way} at {rate}/s", ratio, AGAINST_BARE)
    ratio = best[SLOW, rate].cost / ours.cost
    yield Claim(f"{SLOW} against ours at {rate}/s", ratio, AGAINST_PYTHON_CAN, least=True)
    yield Claim(f"frames that ours lost at {rate}/s", ours.lost, 0, "frames")
    slowest = min(best[way, rate].rate for way in CLAIMED)
    yield Claim(f"frames that came, of {rate}/s", slowest / rate, REAL, least=True)


def _put_programs(machine: Machine) -> tuple[str, str]:
    folder = Path(tempfile.mkdtemp(dir=machine.share))
    packages = folder / "packages"
    for name in NEEDED:
        for file in files(name) or []:
            source = Path(str(file.locate()))
            if file.suffix in {".py", ".so"} and ".." not in file.parts:
                target = packages / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
    shutil.copytree(Path(eflexcan2mqtt.__file__).parent, folder / "eflexcan2mqtt")
    shutil.copy(GUEST / "read.py", folder)
    shutil.copy(system.BURST, folder)
    # Its own disk is faster than the share.
    machine.run(f"cp -r /share/{folder.name} /root/bench", timeout=120)
    return "/root/bench/read.py", "/root/bench/burst.py"


def _read(machine: Machine, reader: str, sender: str, way: str, rate: int, seconds: float) -> Found:
    count, warm_up = int(rate * seconds), rate // 2
    machine.job("reader", f"python3 {reader} '{way}' {CAN} {warm_up} {count} >/run/found")
    machine.wait(f"grep -hq '^ *{CAN} .* raw' /proc/net/can/rcvlist_*", WAIT_S)
    # A way that loses frames needs more of them.
    machine.job("sender", f"python3 {sender} send {CAN} {rate} {2 * seconds + 5}")
    try:
        time.sleep(seconds)
        machine.wait("test -s /run/found", 2 * seconds + 10)
        return Found(*json.loads(machine.run("cat /run/found").stdout))
    except CommandError:
        return NEVER
    finally:
        machine.stop("sender")
        machine.stop("reader")
        machine.run("rm -f /run/found")
