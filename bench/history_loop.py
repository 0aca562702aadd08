"""A bank at its pace into history, in a process of its own; prints the gaps of the loop as JSON.

``python3 -m bench.history_loop CYCLES [FOLDER]``: without FOLDER there is no history.  Each cycle
is a minute later than the one before, and written within a second or two: 300 times as often as in
life.  A gap is how long after its time the loop was done with a frame, in ms.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from eflexcan2mqtt.bridge import Bridge
from eflexcan2mqtt.protocol.blocks import Frame
from eflexcan2mqtt.protocol.reading import Reading
from eflexcan2mqtt.sinks.history.past import Past
from eflexcan2mqtt.sinks.history.sink import HistorySink
from eflexcan2mqtt.sinks.history.store import FILE_NAME
from eflexcan2mqtt.sinks.history.writer import Writer
from eflexcan2mqtt.sources import simulator
from tests.support.bank import FRAMES_PER_BURST

BATTERIES = 14
START = 1_000_000.0
WRITE_S = 1.0


def main() -> None:
    cycles, *folders = sys.argv[1:]
    sink = _history(Path(folders[0])) if folders else None
    gaps_ms: list[float] = []

    def paced() -> Iterator[Frame]:
        burst = BATTERIES * FRAMES_PER_BURST
        offset = time.monotonic() - START
        frames = islice(simulator.frames(BATTERIES, START), int(cycles) * burst)
        for number, (can_id, data, at) in enumerate(frames):
            due = at + offset
            time.sleep(max(0.0, due - time.monotonic()))
            yield can_id, data, at + number // burst * 60
            gaps_ms.append((time.monotonic() - due) * 1e3)

    def publish(cycle: list[Reading]) -> None:
        if sink:
            sink.publish(cycle)

    Bridge(publish).run(paced())
    if sink:
        sink.close()
    json.dump(gaps_ms, sys.stdout)


def _history(folder: Path) -> HistorySink:
    writer = Writer(folder, 200.0, write_s=WRITE_S)
    past = Past(folder / FILE_NAME, lambda: writer.pending)
    return HistorySink(writer, past, tuple, time.monotonic)


if __name__ == "__main__":
    main()
