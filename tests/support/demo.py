"""A simulated bank, the bridge with its page, a private mosquitto, and what a real subscriber
receives: in a terminal as a table, else as it is.

Called as ``python3 -m tests.support.demo [--seconds N] [--faults LIST]``.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from eflexcan2mqtt.protocol.attention import Attention
from eflexcan2mqtt.sinks.table import Table

from .broker import Broker, free_port
from .program import MAIN

TOPIC = "eflexbatteries"
FAREWELL_S = 10.0


def demo(folder: Path, seconds: float | None, faults: str = "") -> int:
    """Run until the time is over or Ctrl-C; return how many arrays arrived."""
    broker = Broker(folder).start()
    page = f"127.0.0.1:{free_port()}"
    ini = folder / "demo.ini"
    ini.write_text(
        f"[mqtt]\nhostname = 127.0.0.1\nport = {broker.port}\ntopic = {TOPIC}\n"
        f"fields = experimental\n[web]\nlisten = {page}\n"
    )
    subscriber = subprocess.Popen(
        ["mosquitto_sub", "-p", str(broker.port), "-v", "-q", "2", "-t", f"{TOPIC}/#"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the bridge alone, which then says farewell
    )
    print(f"the page: http://{page}", flush=True)
    with (folder / "bridge.log").open("w") as log:
        bridge = subprocess.Popen(
            [sys.executable, MAIN, "-c", ini, "--input", "simulator", "--faults", faults],
            stderr=log if sys.stdout.isatty() else None,  # not in the midst of the table
        )

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the bridge hears it, too, and all ends with it

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
    show, close = shown(f"the page: http://{page}    Ctrl-C ends")
    arrays = 0
    for line in subscriber.stdout or ():
        arrays += line.startswith(f"{TOPIC} [")
        show(line)
        if line == f"{TOPIC}/status offline\n":
            subscriber.terminate()
    ender.join()
    close()
    broker.kill()
    return arrays


def shown(note: str) -> tuple[Callable[[str], None], Callable[[], object]]:
    """How to show a line of the subscriber, and how to end that: a terminal gets the table."""
    if not sys.stdout.isatty():
        return lambda line: print(line, end="", flush=True), lambda: None
    attention = Attention()
    table = Table(sys.stdout, attention=lambda: attention.findings)
    logging.getLogger().warning(note)

    def show(line: str) -> None:
        topic, _, payload = line.partition(" ")
        if topic == TOPIC:
            cycle = json.loads(payload)
            attention.cycle(cycle, time.monotonic())
            table.publish(cycle)

    return show, table.close


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, help="end by itself")
    parser.add_argument("--faults", default="", help="faults of the bank, as main.py takes them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        arrays = demo(Path(folder), options.seconds, options.faults)
    print(f"arrays that arrived: {arrays}", file=sys.stderr)
    sys.exit(0 if arrays else 1)


if __name__ == "__main__":
    main()
