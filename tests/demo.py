"""A simulated bank, the bridge, a private mosquitto, and what a real subscriber receives.

python3 -m tests.demo [--seconds N]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from .broker import Broker

MAIN = Path(__file__).parents[1] / "main.py"
TOPIC = "eflexbatteries"


def demo(folder: Path, seconds: float | None) -> int:
    """Run until the time is over or Ctrl-C; return how many arrays arrived."""
    broker = Broker(folder).start()
    ini = folder / "demo.ini"
    ini.write_text(f"[mqtt]\nhostname = 127.0.0.1\nport = {broker.port}\ntopic = {TOPIC}\n")
    subscribe = ["mosquitto_sub", "-p", str(broker.port), "-v", "-q", "2"]
    subscriber = subprocess.Popen(
        [*subscribe, "-t", TOPIC, "-t", f"{TOPIC}/status"], stdout=subprocess.PIPE, text=True
    )
    bridge = subprocess.Popen([sys.executable, MAIN, "-c", ini, "--input", "simulator"])
    timer = threading.Timer(seconds or 0, bridge.terminate)
    if seconds:
        timer.start()
    arrays = 0
    try:
        assert subscriber.stdout is not None
        for line in subscriber.stdout:
            print(line, end="", flush=True)
            arrays += line.startswith(f"{TOPIC} [")
            if line == f"{TOPIC}/status offline\n":
                break
    except KeyboardInterrupt:
        pass
    finally:
        timer.cancel()
        for process in (bridge, subscriber):
            process.terminate()
            process.wait()
        broker.kill()
    return arrays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, help="end by itself")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        arrays = demo(Path(folder), options.seconds)
    print(f"{arrays} arrays arrived", file=sys.stderr)
    sys.exit(0 if arrays else 1)


if __name__ == "__main__":
    main()
