"""A bank that is faster than a real one, on a pipe to the program, and what must arrive of it."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import termios
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from eflexcan2mqtt.sinks.json_lines import to_json
from eflexcan2mqtt.sources import simulator

from .bank import FRAMES_PER_BURST, START, candump_line, published
from .program import MAIN

BATTERIES = 3
PACE = 10
END_S = 60.0


class FedBank:
    """What a bank of so many ``batteries`` sends in so many ``cycles``, at ``pace`` times its own.

    ``texts`` has the frames of each cycle as candump writes them, ``payloads`` its array.
    """

    def __init__(
        self,
        cycles: int,
        seed: int = 1,
        batteries: int = BATTERIES,
        pace: float = PACE,
        fields: str = "documented",
    ) -> None:
        size = batteries * FRAMES_PER_BURST
        frames = list(islice(simulator.frames(batteries, START, seed), cycles * size))
        lines = list(map(candump_line, frames))
        self.texts = ["".join(lines[at : at + size]) for at in range(0, len(lines), size)]
        self.payloads = [to_json(array).encode() for array in published(frames, fields)]
        self.cycle_s = simulator.CYCLE_S / pace


class FedBridge:
    """The program on a pipe, which may be killed and started again; it keeps its spool.

    ``fed`` is how many cycles of the bank the program has been given.
    """

    def __init__(self, folder: Path, port: int, bank: FedBank, **mqtt: object) -> None:
        self._bank = bank
        self._ini = folder / "bridge.ini"
        self._log = folder / "bridge.log"
        settings = {"hostname": "127.0.0.1", "port": port, **mqtt}
        self._ini.write_text(
            "\n".join(["[mqtt]", *(f"{key} = {value}" for key, value in settings.items())])
            + f"\n[spool]\ndirectory = {folder}/spool\n"
        )
        self.fed = 0
        self.start()

    def start(self) -> None:
        """Start the program; the bank then sends its next cycle."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, MAIN, "-c", self._ini, "--input", "-", "--speed", "0"],
                stdin=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for others
            )
        self._due = time.monotonic()

    def feed(self, count: int) -> None:
        """Send the next cycles at their pace."""
        assert self.process.stdin
        for text in self._bank.texts[self.fed : self.fed + count]:
            self.process.stdin.write(text)
            self.process.stdin.flush()
            self.fed += 1
            self._due += self._bank.cycle_s
            time.sleep(max(0.0, self._due - time.monotonic()))

    def has_read(self) -> bool:
        """Whether the program has read all that it was given."""
        assert self.process.stdin
        waiting = fcntl.ioctl(self.process.stdin, termios.FIONREAD, bytes(4))
        return not any(waiting)

    def expected(self) -> list[bytes]:
        """The arrays of what it was given, one for each cycle."""
        return self._bank.payloads[: self.fed]

    def end(self) -> int:
        """Tell it that there is no more, and wait for its end; the exit status."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(END_S)

    def stop(self) -> None:
        """Stop it in order, as systemd does."""
        self.process.terminate()
        self.process.wait(END_S)
        self._close()

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()
        self._close()

    def log(self) -> str:
        """What it has logged in all its runs."""
        return self._log.read_text()

    def _close(self) -> None:
        with suppress(BrokenPipeError):
            if self.process.stdin:
                self.process.stdin.close()


@dataclass(frozen=True)
class Arrived:
    """What a subscriber got, by the cycles that were expected.

    ``twice`` counts arrays that came again, ``cut`` those that are no whole cycle.
    """

    missing: list[int]
    twice: int
    cut: int
    in_order: bool


def arrived(payloads: Iterable[bytes], expected: list[bytes]) -> Arrived:
    """Compare; an array that came again counts where it came first."""
    places = {payload: cycle for cycle, payload in enumerate(expected)}
    found = [places.get(payload, -1) for payload in payloads if json.loads(payload)]
    whole = [each for each in found if each >= 0]
    first = list(dict.fromkeys(whole))
    return Arrived(
        missing=sorted(set(range(len(expected))) - set(whole)),
        twice=len(whole) - len(first),
        cut=len(found) - len(whole),
        in_order=first == sorted(first),
    )
