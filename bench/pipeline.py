"""Frames to JSON, without I/O: what the bridge costs against the floor that Python allows.

    python3 -m bench.pipeline

The floor looks each id up, copies seven bytes and, for each battery, unpacks two structs and
dumps the JSON once: no marker, no order, no time, no unit is looked at.  Both see the same
frames of 14 batteries in the same run, in turns; the best of the turns counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import islice
from struct import Struct

from eflexcan2mqtt.bridge import Bridge
from eflexcan2mqtt.protocol.blocks import BLOCKS, CELL_COUNT, CELLS, STATUS, Frame
from eflexcan2mqtt.protocol.fields import shown
from eflexcan2mqtt.sinks.text_lines import to_json
from eflexcan2mqtt.sources import simulator

BATTERIES = 14
CYCLES = 200
TURNS = 7
KEYS = [each.key for each in shown("documented")]


def ours(frames: list[Frame], stage: str) -> int:
    """The whole pipeline; how many bytes of JSON came out."""
    size = 0

    def publish(cycle: list[dict[str, object]]) -> None:
        nonlocal size
        size += len(to_json(cycle))

    Bridge(stage, publish).run(frames)
    return size


def floor(frames: list[Frame]) -> int:
    """The least that could be done with the same frames."""
    buffers = {
        block.base_id + number: bytearray()
        for block in BLOCKS
        for number in range(1, BATTERIES + 1)
    }
    status, cells = Struct(f">{STATUS.size // 2}Hx"), Struct(f"<{CELLS.size // 2}Hx")
    last = CELLS.base_id + BATTERIES
    size, readings = 0, []
    for can_id, data, _ in frames:
        buffer = buffers[can_id]
        buffer += data[1:8]
        if len(buffer) == CELLS.size and can_id > CELLS.base_id:
            other = buffers[can_id - CELLS.base_id + STATUS.base_id]
            # As many keys and numbers as a documented object has, whatever they mean.
            reading = dict(zip(KEYS, status.unpack(other), strict=False))
            reading["cell_voltages"] = cells.unpack(buffer)[:CELL_COUNT]
            readings.append(reading)
            other.clear()
            buffer.clear()
            if can_id == last:
                size += len(json.dumps(readings))
                readings = []
    return size


def microseconds(work: Callable[[], int], frames: int) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) / frames * 1e6


def main() -> None:
    per_cycle = BATTERIES * sum(len(block.markers) for block in BLOCKS)
    frames = list(islice(simulator.frames(BATTERIES, 0.0), CYCLES * per_cycle))
    works: dict[str, Callable[[], int]] = {
        "floor": lambda: floor(frames),
        "documented": lambda: ours(frames, "documented"),
        "extended": lambda: ours(frames, "extended"),
    }
    best = dict.fromkeys(works, float("inf"))
    for _ in range(TURNS):
        for name, work in works.items():
            best[name] = min(best[name], microseconds(work, len(frames)))
    for name, cost in best.items():
        print(f"{name:11} {cost:6.2f} µs a frame  {cost / best['floor']:5.2f} x the floor")


if __name__ == "__main__":
    main()
