"""A simulated bank that says the same each second, on a pipe to the bridge: what Home Assistant
shows can then be compared with what was sent, however late it is."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.blocks import burst
from eflexcan2mqtt.protocol.decode import decode, encode
from eflexcan2mqtt.sources.simulated_bank import Bank
from eflexcan2mqtt.sources.simulator import CYCLE_S
from tests.support.bank import candump_line
from tests.support.program import MAIN

BATTERIES = 15

# What a healthy bank never shows.
UNUSUAL: dict[int, dict[str, Any]] = {
    2: {"alarm_level_2": 1 << 12},
    3: {"alarm_level_3": 1 << 3},
    4: {"alarm_level_1": 1, "charge_relay_status": "Break", "discharge_relay_status": "Break"},
    6: {"temps": {"1": 20, "2": 21, "3": None, "4": 22, "5": 20, "6": None}},
}


def readings() -> list[dict[str, Any]]:
    """What the batteries say."""
    said = []
    for number, (status, cells) in enumerate(Bank(BATTERIES, seed=1).step(CYCLE_S), 1):
        reading = decode(Record(number, status, cells, 0.0))
        said.append({**reading, **UNUSUAL.get(number, {})})
    return said


class Fed:
    """The bridge with its bank; ``silent`` batteries say nothing."""

    def __init__(self, ini: Path) -> None:
        self.silent: set[int] = set()
        self._ini = ini
        self._blocks = [encode(each) for each in readings()]
        self._process: subprocess.Popen[str] | None = None
        self._over = threading.Event()
        self._feeder = threading.Thread()

    def start(self) -> Fed:
        self._over.clear()
        with self._ini.with_suffix(".log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, MAIN, "-c", self._ini, "--input", "-"],
                stdin=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        pipe = self._process.stdin
        self._feeder = threading.Thread(target=self._feed, args=(pipe,), daemon=True)
        self._feeder.start()
        return self

    def change(self, number: int, **values: Any) -> None:
        """Let a battery say other values from now on; without any, the usual ones."""
        self._blocks[number - 1] = encode({**readings()[number - 1], **values})

    def kill(self) -> None:
        """End the bridge as the kernel would when memory is short."""
        self._over.set()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._feeder.join()
            self._process = None

    def _feed(self, pipe: IO[str]) -> None:
        with suppress(BrokenPipeError), pipe:
            self._write(pipe)

    def _write(self, pipe: IO[str]) -> None:
        while not self._over.wait(CYCLE_S):
            now = time.time()
            lines = []
            for number, blocks in enumerate(self._blocks, 1):
                if number not in self.silent:
                    at = now + number * 0.02
                    lines += [
                        candump_line((can_id, data, at + place * 0.0004))
                        for place, (can_id, data) in enumerate(burst(number, *blocks))
                    ]
            pipe.write("".join(lines))
            pipe.flush()
