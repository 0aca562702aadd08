"""Reading SocketCAN, in the booted machine of tests/system: our source beside the other ways.

Each way reads alone, one after the other, frames of the same sender at the same rate.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from importlib.metadata import files
from pathlib import Path

import eflexcan2mqtt
from tests.system import machine as system
from tests.system.machine import Machine

from .booted import CAN, GUEST, booted
from .report import Claim, Part

WAYS = ("recv", "recvmsg", "ours", "Bus.recv", "Notifier", "asyncio Notifier")
RATES = (252, 2000)
"""Frames a second: a bank of 14, and about the most that the wire carries."""
SECONDS = 10.0
AGAINST_BARE = 2.0
AGAINST_PYTHON_CAN = 4.0
WAIT_S = 90.0
NEEDED = ("python-can", "typing-extensions", "packaging", "wrapt")


def measure(quick: bool) -> Part:
    """The CPU time of each way at each rate."""
    seconds = SECONDS / 2 if quick else SECONDS
    with booted() as machine:
        reader, sender = _put_programs(machine)
        found = {
            (way, rate): _cost(machine, reader, sender, way, rate, seconds)
            for rate in RATES
            for way in WAYS
        }
    rows: list[tuple[object, ...]] = []
    claims: list[Claim] = []
    for way in WAYS:
        row: list[object] = [way]
        for rate in RATES:
            cost, lost = found[way, rate]
            row += [cost, cost / found["recvmsg", rate][0], lost]
        rows.append(tuple(row))
    for rate in RATES:
        cost, lost = found["ours", rate]
        bare, slow = found["recvmsg", rate][0], found["Bus.recv", rate][0]
        claims += [
            Claim(f"ours against bare recvmsg at {rate}/s", cost / bare, AGAINST_BARE),
            Claim(
                f"Bus.recv against ours at {rate}/s", slow / cost, AGAINST_PYTHON_CAN, least=True
            ),
            Claim(f"frames that ours lost at {rate}/s", lost, 0, "frames"),
        ]
    return Part(
        "Reading SocketCAN",
        "CPU time of the reading process in the emulated machine of tests/system, about 16 times "
        "slower than its host; recv and recvmsg are loops of that one call and a struct, recvmsg "
        "with the kernel's time of arrival, as ours. x is against recvmsg.",
        ("", *(f"{name} at {rate}/s" for rate in RATES for name in ("µs a frame", "x", "lost"))),
        rows,
        claims,
    )


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
    shutil.copy(Path(system.__file__).with_name("burst.py"), folder)
    # Its own disk is faster than the share.
    machine.run(f"cp -r /share/{folder.name} /root/bench", timeout=120)
    return "/root/bench/read.py", "/root/bench/burst.py"


def _cost(
    machine: Machine, reader: str, sender: str, way: str, rate: int, seconds: float
) -> tuple[float, int]:
    count, warm_up = int(rate * seconds), rate // 2
    machine.job("reader", f"python3 {reader} '{way}' {CAN} {warm_up} {count} >/run/found")
    machine.wait(
        f"ss -f link 2>/dev/null | grep -q {CAN} || grep -q {CAN} /proc/net/can/rcvlist_all "
        "/proc/net/can/rcvlist_fil /proc/net/can/rcvlist_sff",
        WAIT_S,
    )
    # A way that loses frames needs more of them.
    machine.job("sender", f"python3 {sender} send {CAN} {rate} {2 * seconds + 5}")
    try:
        time.sleep(seconds)
        machine.wait("test -s /run/found", WAIT_S)
        found = json.loads(machine.run("cat /run/found").stdout)
    finally:
        machine.stop("sender")
        machine.stop("reader")
        machine.run("rm -f /run/found")
    time.sleep(0.5)
    return found["cost"], found["lost"]
