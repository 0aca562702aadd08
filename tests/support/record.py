"""Writes the logs of tests/captures that our own simulator and encoder make.

    python3 -m tests.support.record

The expected arrays beside them are not made here: CONTRIBUTING.md shows how they are made and read.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from eflexcan2mqtt.protocol.blocks import Frame
from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.simulator import CYCLE_S

from .bank import CAPTURES, EXAMPLE, FRAMES_PER_BURST, START, candump_line, sent


def documented_example() -> list[Frame]:
    """The three batteries of the documented example, and the beginning of the next cycle."""
    frames: list[Frame] = []
    for place, reading in enumerate(map(completed, EXAMPLE)):
        frames += sent(reading["battery_number"], START + 0.048 + place * 0.02, **reading)
    return frames + sent(1, START + 0.048 + CYCLE_S, **completed(EXAMPLE[0]))[:3]


def completed(reading: dict[str, Any]) -> dict[str, Any]:
    """A documented object with what the later stages add, as such a battery would say it."""
    cells = reading["cell_voltages"]
    temps = [25, 24, 23, 24, 25, 27]
    return {
        **reading,
        "max_cell_voltage": max(cells),
        "max_cell_voltage_num": cells.index(max(cells)) + 1,
        "min_cell_voltage": min(cells),
        "min_cell_voltage_num": cells.index(min(cells)) + 1,
        "charge_relay_status": "Make",
        "discharge_relay_status": "Make",
        "precharge_relay_status": "Break",
        "temps": {str(number): temp for number, temp in enumerate(temps, 1)},
        "charge_current_limit": 50.0,
        "max_temp": max(temps),
        "min_temp": min(temps),
        "average_temp": sum(temps) // len(temps),
    }


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
