"""The program as its users start it, and a log to give it."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from queue import Empty, Queue
from typing import IO, Any

from .bank import CAPTURES
from .broker import LONGEST_WAIT_S

MAIN = Path(__file__).parents[2] / "main.py"
LOG = CAPTURES / "documented_example.log"
DOCUMENTED = LOG.with_suffix(".json").read_text()
STOP_S = 6.0
"""A stop takes two seconds at most, as bench/outage.py measures; a busy machine adds some."""

ORIGINAL_INI = """\
[logging]
log_level = INFO
log_dir = conf/logs
profile = no

[can]
interface = socketcan
channel = can0
bitrate = 250000

[mqtt]
hostname = localhost
port = 1883
keepalive = 60
client_id = eflexcan2mqtt
qos = 2
topic = eflexbatteries
publish_interval = 60
"""
"""The INI of the original program."""


def mqtt_ini(folder: Path, port: int, **settings: object) -> Path:
    """An INI for a broker on a port; its path."""
    path = folder / "test.ini"
    logging = {key: settings.pop(key) for key in ("log_dir", "profile") if key in settings}
    lines = ["[logging]", *(f"{key} = {value}" for key, value in logging.items())]
    mqtt = {"hostname": "127.0.0.1", "port": port, **settings}
    lines += ["[mqtt]", *(f"{key} = {value}" for key, value in mqtt.items())]
    path.write_text("\n".join(lines) + "\n")
    return path


def stop(process: subprocess.Popen[Any], number: signal.Signals = signal.SIGTERM) -> float:
    """Signal a process and wait for its end; how long that took."""
    begun = time.monotonic()
    process.send_signal(number)
    process.wait(timeout=LONGEST_WAIT_S)
    return time.monotonic() - begun


def handles(process: subprocess.Popen[str], number: int) -> bool:
    """Whether a process has come so far as to catch a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    [caught] = re.findall(r"SigCgt:\s+(\w+)", status)
    return bool(int(caught, 16) >> (number - 1) & 1)


def reads(stream: IO[str], text: str) -> str:
    """Read lines of a stream until one holds a text; that line."""
    found: Queue[str] = Queue()

    def look() -> None:
        found.put(next((line for line in iter(stream.readline, "") if text in line), ""))

    # A line that never comes must not hold up the test.
    threading.Thread(target=look, daemon=True).start()
    try:
        line = found.get(timeout=LONGEST_WAIT_S)
    except Empty:
        raise AssertionError(f"no {text!r} in time") from None
    assert line, f"ended before {text!r}"
    return line
