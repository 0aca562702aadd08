"""What many sites need, computed from what the benchmark found: the table of docs/fleet.md."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from eflexcan2mqtt.sinks.json_lines import to_json
from eflexcan2mqtt.sources import simulator

from .bank import FRAMES_PER_BURST, START, published

BENCH = Path(__file__).parents[2] / "bench"
BATTERIES = 14
SITES = ((1, 1), (100, 1), (1_000, 60), (1_000, 10), (1_000, 1), (100_000, 600), (100_000, 60))
"""Sites with one bank each, and their ``publish_interval`` in s; 1: each cycle."""

DAY_S = 86_400
LITTLE = 0.0005
HEADER = (
    *("sites", "seconds between arrays", "arrays a second", "Mbit/s", "cores of the broker"),
    *("rows a second", "databases", "rows a day", "GB a day", "TB a year"),
)


def found(file: str, row: str, column: int) -> float:
    """A figure of a results file: that in the column of the row that begins so."""
    [line] = re.findall(rf"^\| {re.escape(row)} .*$", (BENCH / file).read_text(), re.MULTILINE)
    return float(line.strip("|").split("|")[column])


def array_bytes() -> int:
    """An array of 14 simulated batteries, with extended fields."""
    frames = islice(simulator.frames(BATTERIES, START), BATTERIES * FRAMES_PER_BURST)
    [array] = published(frames, "extended")
    return len(to_json(array))


def sites_table() -> str:
    """The rows in Markdown."""
    size = array_bytes()
    core_s = found("RESULTS.md", "20    |           1", 4) / 1e6
    rows_a_second = found("FLEET.md", "rows stored a second: 500 banks", 1)
    row_bytes = found("FLEET.md", "bytes a row, with its index", 1)
    lines = [HEADER, ("--:",) * len(HEADER)]
    for sites, interval in SITES:
        arrays = sites / interval
        rows = arrays * BATTERIES
        day = rows * DAY_S
        lines.append(
            (
                f"{sites:,}",
                str(interval),
                _short(arrays),
                _short(arrays * size * 8 / 1e6),
                _short(arrays * core_s),
                _short(rows),
                _short(rows / rows_a_second),
                f"{_short(day / 1e6)} million",
                _short(day * row_bytes / 1e9),
                _short(day * row_bytes * 365 / 1e12),
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _short(value: float) -> str:
    """With two digits that count, or whole; little is 0."""
    return f"{value:,.0f}" if value >= 10 or value < LITTLE else f"{value:.2g}"
