"""A bank whose values move as those of a real one, on a pipe to the bridge: at rest or in use."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import IO

from eflexcan2mqtt.protocol.blocks import burst
from eflexcan2mqtt.sources.simulated_bank import CELL_MILLIOHM, IDLE_A, Bank
from eflexcan2mqtt.sources.simulated_reading import Sensed
from eflexcan2mqtt.sources.simulator import CYCLE_S
from tests.support.bank import candump_line
from tests.support.program import MAIN

FLICKER = 0.05
"""At rest, the last digit of a current is another one in so many readings."""

HOUSE_A = (-12.0, -2.0)
"""For each battery, between these the load of a house moves, each second a little."""


class MovingBank:
    """Starts the bridge and feeds it; ``load`` is whether the bank is in use."""

    def __init__(self, ini: Path, batteries: int) -> None:
        self.load = False
        self._random = Random(1)
        self._house_a = sum(HOUSE_A) / 2
        self._bank = Bank(batteries, seed=1, spoil=self._spoil)
        self._over = threading.Event()
        log = ini.with_suffix(".log").open("a")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, MAIN, "-c", ini, "--input", "-"],
                stdin=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._feeder = threading.Thread(target=self._feed, args=(self._process.stdin,))
        self._feeder.start()

    def stop(self) -> None:
        self._over.set()
        self._feeder.join()
        self._process.wait(10)

    def kill(self) -> None:
        """End the bridge as the kernel would when memory is short."""
        self._process.kill()
        self.stop()

    def _spoil(self, sensed: Sensed, seconds: float) -> None:
        idle = IDLE_A[sensed.number % len(IDLE_A)]
        if self.load:
            current = self._house_a + self._random.gauss(0, 0.2)
        else:
            current = (self._random.random() < FLICKER) * 0.1
        moved = round((current - sensed.current) * CELL_MILLIOHM)
        sensed.cells = [each + moved for each in sensed.cells]
        sensed.current = current + idle

    def _feed(self, pipe: IO[str]) -> None:
        with suppress(BrokenPipeError), pipe:
            while not self._over.wait(CYCLE_S):
                low, high = HOUSE_A
                moved = self._house_a + self._random.gauss(0, 0.5)
                self._house_a = min(max(moved, low), high)
                now = time.time()
                blocks = self._bank.step(CYCLE_S)
                pipe.writelines(
                    candump_line((can_id, data, now + number * 0.02 + place * 0.0004))
                    for number, both in enumerate(blocks, 1)
                    for place, (can_id, data) in enumerate(burst(number, *both))
                )
                pipe.flush()
