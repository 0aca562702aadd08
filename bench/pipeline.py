"""Frames to JSON, without I/O: what the bridge costs against the floor that Python allows.

The floor looks each id up, copies seven bytes and, for each battery, unpacks two structs, fills
an object with as many keys as a full reading, takes those of the stage and dumps the JSON once.
It looks at no marker, order, time or unit.  Both see the same frames of 14 batteries in the same
run, in turns; the best of the turns counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from struct import Struct

from eflexcan2mqtt.bridge import Bridge
from eflexcan2mqtt.protocol.array import array_of
from eflexcan2mqtt.protocol.blocks import BLOCKS, CELL_COUNT, CELLS, STATUS, Frame
from eflexcan2mqtt.protocol.fields import FIELDS, STAGES, shown
from eflexcan2mqtt.protocol.reading import Reading
from eflexcan2mqtt.protocol.values import PROBES
from eflexcan2mqtt.sinks.json_lines import to_json
from eflexcan2mqtt.sources import simulator
from tests.support.bank import FRAMES_PER_BURST

from .report import Claim, Part

BATTERIES = 14
CYCLES = 200
NOW = 1.7e9
TURNS = 15
LIMIT = 1.7


def measure() -> Part:
    """The cost of each stage, and that of its floor."""
    frames = list(islice(simulator.frames(BATTERIES, NOW), CYCLES * BATTERIES * FRAMES_PER_BURST))
    works: dict[tuple[str, str], Callable[[], int]] = {}
    for stage in STAGES:
        works["floor", stage] = partial(floor, frames, stage)
        works["ours", stage] = partial(ours, frames, stage)
    cost = dict.fromkeys(works, float("inf"))
    size = {name: work() // CYCLES for name, work in works.items()}
    for _ in range(TURNS):
        for name, work in works.items():
            cost[name] = min(cost[name], microseconds(work, len(frames)))
    ratio = {stage: cost["ours", stage] / cost["floor", stage] for stage in STAGES}
    return Part(
        "Pipeline: frames to JSON",
        f"{CYCLES} cycles of {BATTERIES} batteries, in memory, without I/O. The floor looks the id "
        "up, copies 7 bytes and, per battery, unpacks two structs into an object with as many keys "
        "and numbers as a full reading, takes those of the stage and dumps them.",
        (
            "fields",
            "floor, µs a frame",
            "ours, µs a frame",
            "x the floor",
            "floor, bytes",
            "ours, bytes",
        ),
        [
            (
                stage,
                *(cost["floor", stage], cost["ours", stage], ratio[stage]),
                *(size["floor", stage], size["ours", stage]),
            )
            for stage in STAGES
        ],
        [Claim(f"{stage} fields against the floor", ratio[stage], LIMIT) for stage in STAGES[:2]],
    )


def ours(frames: list[Frame], stage: str) -> int:
    """The whole pipeline; how many bytes of JSON came out."""
    size = 0
    to_array = array_of(stage)

    def publish(cycle: list[Reading]) -> None:
        nonlocal size
        size += len(to_json(to_array(cycle)))

    Bridge(publish).run(frames)
    return size


def floor(frames: list[Frame], stage: str) -> int:
    """The least that could be done with the same frames for full readings and as much JSON."""
    every = [each.key for each in FIELDS]
    keys = [each.key for each in shown(stage)]
    probes = [str(number) for number in range(1, PROBES + 1)]
    buffers = {
        block.base_id + number: bytearray()
        for block in BLOCKS
        for number in range(1, BATTERIES + 1)
    }
    status, cells = Struct(f">{STATUS.size // 2}Hx"), Struct(f"<{CELLS.size // 2}Hx")
    first, last, whole = CELLS.base_id, CELLS.base_id + BATTERIES, CELLS.size
    apart = CELLS.base_id - STATUS.base_id
    dumped = json.JSONEncoder(check_circular=False).encode
    size, readings = 0, []
    for can_id, data, _ in frames:
        buffer = buffers[can_id]
        buffer += data[1:8]
        if can_id > first and len(buffer) == whole:
            other = buffers[can_id - apart]
            values = cells.unpack(buffer)
            # As many keys and numbers as a reading has, whatever they mean.
            numbers = (*status.unpack(other), *values)
            reading: dict[str, object] = dict(zip(every, numbers, strict=False))
            reading["cell_voltages"] = values[:CELL_COUNT]
            reading["temps"] = dict(zip(probes, values, strict=False))
            reading["raw_status"], reading["raw_cells"] = other.hex(), buffer.hex()
            readings.append({key: reading[key] for key in keys})
            other.clear()
            buffer.clear()
            if can_id == last:
                size += len(dumped(readings))
                readings = []
    return size


def microseconds(work: Callable[[], int], frames: int) -> float:
    """The CPU time of one run for each frame, which other processes do not add to."""
    begun = time.process_time()
    work()
    return (time.process_time() - begun) / frames * 1e6
