"""Writes the logs of tests/captures that our own simulator and encoder make.

    python3 -m tests.record

The expected arrays beside them are not made here: they are read, and written by hand.
"""

from __future__ import annotations

from itertools import islice

from eflexcan2mqtt.protocol.blocks import Frame
from eflexcan2mqtt.sources import simulator

from .bank import CAPTURES, CYCLE_S, EXAMPLE, FRAMES_PER_BURST, START, candump_line, sent


def documented_example() -> list[Frame]:
    """The three batteries of the documented example, and the beginning of the next cycle."""
    frames: list[Frame] = []
    for place, reading in enumerate(EXAMPLE):
        frames += sent(reading["battery_number"], START + 0.048 + place * 0.02, **reading)
    return frames + sent(1, START + 0.048 + CYCLE_S, **EXAMPLE[0])[:3]


def lost_frames() -> list[Frame]:
    """Four batteries, three cycles; in each of the first two one frame is missing."""
    frames = list(islice(simulator.frames(4, START, seed=7), 3 * 4 * FRAMES_PER_BURST))
    del frames[4 * FRAMES_PER_BURST + 2 * FRAMES_PER_BURST + 13]  # cycle 2, CELLS of battery 3
    del frames[FRAMES_PER_BURST + 4]  # cycle 1, STATUS of battery 2
    return frames


def main() -> None:
    for make in (documented_example, lost_frames):
        text = "".join(map(candump_line, make()))
        (CAPTURES / f"{make.__name__}.log").write_text(text)


if __name__ == "__main__":
    main()
