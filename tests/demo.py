"""A simulated bank, the bridge, a private mosquitto, and what a real subscriber receives.

Called as ``python3 -m tests.demo [--seconds N]``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from .broker import Broker
from .program import MAIN

TOPIC = "eflexbatteries"
FAREWELL_S = 2.0


def demo(folder: Path, seconds: float | None) -> int:
    """Run until the time is over or Ctrl-C; return how many arrays arrived."""
    broker = Broker(folder).start()
    ini = folder / "demo.ini"
    ini.write_text(f"[mqtt]\nhostname = 127.0.0.1\nport = {broker.port}\ntopic = {TOPIC}\n")
    subscriber = subprocess.Popen(
        ["mosquitto_sub", "-p", str(broker.port), "-v", "-q", "2", "-t", f"{TOPIC}/#"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the bridge alone, which then says farewell
    )
    bridge = subprocess.Popen([sys.executable, MAIN, "-c", ini, "--input", "simulator"])

    def end() -> None:
        """Stop the bridge in time, and the subscriber when it has heard the last of it."""
        try:
            bridge.wait(seconds)
        except subprocess.TimeoutExpired:
            bridge.terminate()
            bridge.wait()
        try:
            subscriber.wait(FAREWELL_S)
        except subprocess.TimeoutExpired:
            subscriber.terminate()

    ender = threading.Thread(target=end)
    ender.start()
    arrays = 0
    while True:
        try:
            line = subscriber.stdout.readline() if subscriber.stdout else ""
        except KeyboardInterrupt:
            continue  # the bridge has heard it, too
        if not line:
            break
        arrays += line.startswith(f"{TOPIC} [")
        print(fitting(line.rstrip("\n")), flush=True)
        if line == f"{TOPIC}/status offline\n":
            subscriber.terminate()
    ender.join()
    broker.kill()
    return arrays


def fitting(line: str) -> str:
    """A line whole, or in a terminal cut to its width: an array fills three screens."""
    if not sys.stdout.isatty():
        return line
    width = shutil.get_terminal_size().columns
    return line if len(line) <= width else f"{line[: width - 1]}…"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, help="end by itself")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        arrays = demo(Path(folder), options.seconds)
    print(f"arrays that arrived: {arrays}", file=sys.stderr)
    sys.exit(0 if arrays else 1)


if __name__ == "__main__":
    main()
