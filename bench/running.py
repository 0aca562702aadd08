"""The program as a process, from source or frozen: started, measured and ended."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from eflexcan2mqtt.sources import simulator
from tests.support.bank import FRAMES_PER_BURST, candump_line
from tests.support.broker import Broker
from tests.support.program import MAIN

NOTIFY_S = 30.0
END_S = 300.0
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def broker(*settings: str) -> Iterator[tuple[Broker, Path]]:
    """A running mosquitto, and a folder for the files of this run."""
    with tempfile.TemporaryDirectory() as name:
        made = Broker(Path(name), *settings).start()
        try:
            yield made, Path(name)
        finally:
            made.kill()


def release() -> Path:
    """The tarball of the release that is measured."""
    return Path(os.environ["EFLEX_RELEASE"]) / "eflexcan2mqtt_x86_64.tgz"


def programs(folder: Path) -> dict[str, list[str]]:
    """The command lines of the program: from source, and frozen, unpacked into ``folder``."""
    with tarfile.open(release()) as archive:
        archive.extractall(folder, filter="data")
    [frozen] = folder.glob("eflexcan2mqtt_*/eflexcan2mqtt/eflexcan2mqtt")
    return {"source": [sys.executable, str(MAIN)], "frozen": [str(frozen)]}


def log_of(folder: Path, batteries: int, cycles: int) -> Path:
    """A candump log of a simulated bank."""
    path = folder / f"{batteries}x{cycles}.log"
    if not path.exists():
        frames = islice(simulator.frames(batteries, 1.7e9), cycles * batteries * FRAMES_PER_BURST)
        path.write_text("".join(map(candump_line, frames)))
    return path


def ini_of(folder: Path, broker: Broker, **settings: object) -> Path:
    """An INI for that broker; other settings as shipped."""
    shipped = MAIN.with_name("eflexcan2mqtt.ini").read_text()
    for key, value in {"hostname": "127.0.0.1", "port": broker.port, **settings}.items():
        shipped, count = re.subn(rf"(?m)^#? ?{key} =.*$", f"{key} = {value}", shipped)
        assert count == 1, key
    path = folder / f"{len(list(folder.iterdir()))}.ini"
    path.write_text(shipped)
    return path


def cpu(pid: int) -> float:
    """The CPU seconds that a process has used so far."""
    return cpu_in(Path(f"/proc/{pid}/stat").read_text())


def cpu_in(stat: str) -> float:
    """As ``cpu``, from the text of /proc/PID/stat."""
    return _ticks(stat, 11, 12) / TICKS


def cpu_of_ended_children(pid: int) -> float:
    """The CPU seconds of those that a process has waited for."""
    return _ticks(Path(f"/proc/{pid}/stat").read_text(), 13, 14) / TICKS


def _ticks(stat: str, *columns: int) -> int:
    """Of these columns behind the name."""
    behind = stat.rpartition(")")[2].split()
    return sum(int(behind[each]) for each in columns)


def exact_cpu(pids: Iterable[int]) -> float:
    """The CPU seconds of all threads of these processes so far, in ns and not in ticks of 10 ms.

    What is ended meanwhile does not count.
    """
    used = 0
    for pid in pids:
        for each in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError):
                used += int(each.read_text().split()[0])
    return used / 1e9


def memory(pid: int) -> float:
    """The resident memory of a process, in MB; 0 of one that has ended."""
    with suppress(OSError):
        return memory_in(Path(f"/proc/{pid}/status").read_text())
    return 0.0


def memory_in(status: str) -> float:
    """As ``memory``, from the text of /proc/PID/status."""
    found = re.search(r"VmRSS:\s*(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def cost(command: list[str]) -> float:
    """The CPU seconds of a process, from its start to its end."""
    return finished(start(command))


def start(command: list[str]) -> subprocess.Popen[str]:
    """Start a process that ends by itself; wait for it with ``finished``."""
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> float:
    """Wait for a process to end; return the CPU seconds that it took."""
    assert process.stderr
    late = threading.Timer(END_S, process.kill)
    late.start()
    messages = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    late.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, messages
    return used.ru_utime + used.ru_stime


class Running:
    """The program as a service, with a folder for its spool; this class stands in for systemd."""

    def __init__(self, command: list[str]) -> None:
        address = f"eflexcan2mqtt-bench-{os.getpid()}-{time.monotonic_ns()}"
        self._systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._systemd.bind(f"\0{address}")
        self._systemd.settimeout(NOTIFY_S)
        self._state = tempfile.TemporaryDirectory()  # its spool
        self._process = subprocess.Popen(
            command,
            env={
                **os.environ,
                "NOTIFY_SOCKET": f"@{address}",
                "STATE_DIRECTORY": self._state.name,
            },
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self._process.pid

    def notified(self) -> str:
        """The next message to systemd; one comes about once a second."""
        return self._systemd.recv(1000).decode()

    def write(self, lines: str) -> None:
        """Write lines to its stdin."""
        assert self._process.stdin
        self._process.stdin.write(lines)
        self._process.stdin.flush()

    def end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(NOTIFY_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._systemd.close()
        self._state.cleanup()


@contextmanager
def started(command: list[str]) -> Iterator[Running]:
    """The running program; ended when the context is left."""
    program = Running(command)
    try:
        yield program
    finally:
        program.end()


@contextmanager
def ready(command: list[str]) -> Iterator[Running]:
    """The running program, once it is ready."""
    with started(command) as program:
        while "READY=1" not in program.notified():
            pass
        yield program
