"""Reading SocketCAN, in the booted machine of tests/system: our source beside the other ways.

Each way reads alone frames of the same sender at the same rate, all of them in turns; the median
of the turns counts.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import eflexcan2mqtt
from eflexcan2mqtt.sources.socketcan import GATHER_S
from tests.support.machine import BURST, CommandError, Machine

from .booted import CAN, GUEST, PYTHON_CAN, booted, followed, put_program
from .report import Claim, Part

BARE, OURS, ORIGINAL = "recvmsg", "ours", "asyncio Notifier"
WAYS = ("recv", BARE, "recvmsg, gathered", OURS, "Bus.recv", "Notifier", ORIGINAL)
CLAIMED = (BARE, OURS, ORIGINAL)
BANK, WIRE = 252, 2000
"""Frames a second of a bank of 14, and about the most that the wire carries."""
AGAINST_ORIGINAL = (0.45, 0.6)
"""At the two rates: the most that ours may cost, of what the original's way of reading costs."""
TURNS = 3
SECONDS = 6.0
REAL = 0.95
"""The emulated sender must keep its pace for the figures to mean anything."""
WAIT_S = 60.0


class Found(NamedTuple):
    """CPU time, µs a frame; how many of the counted frames were lost; frames a second."""

    cost: float
    lost: float
    rate: float


Turns = dict[tuple[str, int], list[Found]]

NEVER = Found(float("inf"), float("inf"), 0.0)
"""A way that did not keep up, and never saw its frames."""


def measure(quick: bool) -> Part:
    """The CPU time of each way at each rate.

    ``quick`` leaves out what nothing is claimed of, and goes no faster than the original's way.
    """
    ways, seconds = (CLAIMED, SECONDS / 2) if quick else (WAYS, SECONDS)
    turns: Turns = defaultdict(list)
    with booted() as machine:
        folder = put_program(
            machine,
            "bench",
            Path(eflexcan2mqtt.__file__).parent,
            GUEST / "read.py",
            BURST,
            packages=PYTHON_CAN,
        )
        rates = (BANK, WIRE)
        if quick:
            cost = _read(machine, folder, ORIGINAL, BANK, seconds).cost
            rates = (BANK, round(followed(BANK * cost / 1e6, BANK, WIRE)))
        for _ in range(TURNS):
            for rate in rates:
                for way in ways:
                    found = _read(machine, folder, way, rate, seconds)
                    if way in CLAIMED:
                        assert found != NEVER, f"{way} did not keep up with {rate}/s"
                    turns[way, rate].append(found)
    return Part(
        "Reading SocketCAN",
        "CPU time of the reading process in the emulated machine of tests/system, about 16 times "
        "slower than its host. recv and recvmsg are loops of that one call and a struct, recvmsg "
        "with the kernel's time of arrival; x is against that. The others are python-can's: ours, "
        "which reads by Bus.recv, and the ways that python-can offers, of which the original uses "
        "the asyncio Notifier. A process that is woken for each frame pays more for that than for "
        f"reading it: ours lets them gather for {GATHER_S * 1e3:.0f} ms, and so does the third.",
        ("", *(f"{name} at {rate}/s" for rate in rates for name in ("µs a frame", "x", "lost"))),
        [
            (way, *(figure for rate in rates for figure in _figures(turns, way, rate)))
            for way in ways
        ],
        [
            claim
            for rate, most in zip(rates, AGAINST_ORIGINAL, strict=True)
            for claim in _claims(turns, rate, most)
        ],
    )


def _figures(turns: Turns, way: str, rate: int) -> tuple[float, float, float]:
    cost = median(each.cost for each in turns[way, rate])
    return cost, _ratio(turns, way, BARE, rate), sum(each.lost for each in turns[way, rate])


def _claims(turns: Turns, rate: int, most: float) -> Iterator[Claim]:
    ratio = _ratio(turns, OURS, ORIGINAL, rate)
    yield Claim(f"{OURS} against {ORIGINAL} at {rate}/s", ratio, most)
    lost = sum(each.lost for each in turns[OURS, rate])
    yield Claim(f"frames that ours lost at {rate}/s", lost, 0, "frames")
    slowest = min(each.rate for way in CLAIMED for each in turns[way, rate])
    yield Claim(f"frames that came, of {rate}/s", slowest / rate, REAL, least=True)


def _ratio(turns: Turns, way: str, other: str, rate: int) -> float:
    both = zip(turns[way, rate], turns[other, rate], strict=True)
    return median(found.cost / against.cost for found, against in both)


def _read(machine: Machine, folder: str, way: str, rate: int, seconds: float) -> Found:
    count, warm_up = int(rate * seconds), rate // 2
    machine.job("reader", f"python3 {folder}/read.py '{way}' {CAN} {warm_up} {count} >/run/found")
    machine.wait(f"grep -hq '^ *{CAN} .* raw' /proc/net/can/rcvlist_*", WAIT_S)
    # A way that loses frames needs more of them.
    machine.job("sender", f"python3 {folder}/burst.py send {CAN} {rate} {2 * seconds + 5}")
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
