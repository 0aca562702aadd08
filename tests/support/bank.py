"""Bursts of batteries for tests: the inverse of what is tested, with any values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from eflexcan2mqtt.bridge import Bridge
from eflexcan2mqtt.protocol.array import array_of
from eflexcan2mqtt.protocol.blocks import BLOCKS, FRAME_BYTES, OUR_IDS, Event, Frame, burst
from eflexcan2mqtt.protocol.decode import encode
from eflexcan2mqtt.protocol.reading import Reading
from eflexcan2mqtt.sources.formats import Logged
from eflexcan2mqtt.sources.recording import Recording
from eflexcan2mqtt.sources.simulator import CYCLE_S

CAPTURES = Path(__file__).parents[1] / "captures"
EXAMPLE = json.loads((CAPTURES / "documented_example.json").read_text())
"""The three batteries of the documented example."""

FRAMES_PER_BURST = sum(len(block.markers) for block in BLOCKS)
STATUS_FRAMES = len(BLOCKS[0].markers)
START = 1_715_987_139.0


def sent(battery: int, at: float = START, **changes: Any) -> list[Frame]:
    """The 18 frames of one burst, half a millisecond apart."""
    reading = {**EXAMPLE[0], "battery_number": battery, **changes}
    return [
        (can_id, data, round(at + index * 0.0005, 6))
        for index, (can_id, data) in enumerate(burst(battery, *encode(reading)))
    ]


def cycles(batteries: list[int], count: int, start: float = START) -> Iterator[list[Frame]]:
    """The frames of so many cycles, a list of them for each burst; their SOC is the cycle."""
    for cycle in range(count):
        for place, battery in enumerate(batteries):
            yield sent(battery, start + cycle * CYCLE_S + place * 0.02, battery_soc=cycle % 256)


def decoded(frames: Iterable[Event]) -> list[list[Reading]]:
    """The cycles that frames make, with full readings."""
    found: list[list[Reading]] = []
    Bridge(found.append).run(frames)
    return found


def published(frames: Iterable[Event], stage: str = "documented") -> list[list[dict[str, Any]]]:
    """The arrays that frames make."""
    return list(map(array_of(stage), decoded(frames)))


def summary(arrays: list[list[dict[str, Any]]]) -> list[list[tuple[int, int]]]:
    """(battery, cycle) of each object, for arrays of ``cycles``."""
    return [[(each["battery_number"], each["battery_soc"]) for each in array] for array in arrays]


def frames_of(logged: Iterable[Logged | None]) -> list[Frame]:
    """The frames of batteries among what was logged; START for those without a time."""
    return [
        (each.can_id, each.data, START if math.isnan(each.stamp) else each.stamp)
        for each in logged
        if each
        and each.kind == "data"
        and not each.extended
        and each.can_id in OUR_IDS
        and len(each.data) == FRAME_BYTES
    ]


def candump_line(frame: Frame, bus: str = "can0") -> str:
    """A frame as ``candump -L`` writes it."""
    can_id, data, time = frame
    return f"({time:.6f}) {bus} {can_id:03X}#{data.hex().upper()}\n"


FULL = decoded(Recording(str(CAPTURES / "documented_example.log")))[0]
"""The readings of the documented example, with every field."""
