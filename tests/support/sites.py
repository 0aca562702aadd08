"""What many sites need, computed from what the benchmark found: the tables of docs/fleet.md."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from eflexcan2mqtt.protocol.energy import Counters, EnergyTotals
from eflexcan2mqtt.sinks.json_lines import to_json
from eflexcan2mqtt.sinks.mqtt.energy import PUBLISH_S
from eflexcan2mqtt.sinks.mqtt.kept import Kept, shown
from eflexcan2mqtt.sources import simulator

from .bank import FRAMES_PER_BURST, START, published
from .markdown import tables

BENCH = Path(__file__).parents[2] / "bench"
BATTERIES = 14
SITES = ((1, 1), (100, 1), (1_000, 60), (1_000, 10), (1_000, 1), (100_000, 600), (100_000, 60))
"""Sites with one bank each, and their ``publish_interval`` in s; 1: each cycle."""

DAY_S = 86_400
LITTLE = 0.0005
_STORE = (BENCH.parent / "examples" / "eflex_store.py").read_text()
PAUSE = int(re.findall(r"^ROLL_UP_PAUSE = (\d+)$", _STORE, re.MULTILINE)[0])
"""The reader's, after a day that it has summed up, in times of what that took."""

BROKERS = ("1 mosquitto", "3 RabbitMQ", "3 NATS")
"""Those whose cores are computed."""
WHO, STEP, COST, BEHIND = (
    "broker",
    "banks x arrays a second",
    "broker, µs an array",
    "behind the knee",
)

Row = dict[str, str]


def figure(file: str, first: str) -> float:
    """The first figure of the row that begins so."""
    found_in = tables((BENCH / file).read_text())
    [found] = [cells for _, *rows in found_in for cells in rows if cells[0] == first]
    return float(next(cell for cell in found[1:] if cell))


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """In Markdown; all columns but the first are figures."""
    rule = ("---", *("--:" for _ in head[1:]))
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))


def array_text(batteries: int) -> str:
    """An array of simulated batteries, with extended fields."""
    frames = islice(simulator.frames(batteries, START), batteries * FRAMES_PER_BURST)
    [array] = published(frames, "extended")
    return to_json(array)


def energy_text(batteries: int) -> str:
    """A message of the counters, a year or so after they began."""
    counters = Counters(1234.567, 1234.567, 1.234)
    each = {f"2299075F{number:04}": counters for number in range(batteries)}
    return json.dumps(shown(Kept(START, EnergyTotals(counters, each))))


def sites_table() -> str:
    """What so many sites send, and what carries it; to a broker, each message is an array."""
    array_bits, energy_bits = (8 * len(text(BATTERIES)) for text in (array_text, energy_text))
    steps = _steps()
    rows_a_second = figure("FLEET.md", "rows stored a second: 500 banks")
    row_bytes = figure("FLEET.md", "bytes a row, with its index")
    lines = []
    for sites, interval in SITES:
        arrays, energy = sites / interval, sites / PUBLISH_S
        day = arrays * BATTERIES * DAY_S
        lines.append(
            (
                f"{sites:,}",
                str(interval),
                _short(arrays),
                _short(energy),
                _short((arrays * array_bits + energy * energy_bits) / 1e6),
                *(_short(cores(steps[who], arrays + energy)) for who in BROKERS),
                _short(arrays * BATTERIES),
                _short(arrays * BATTERIES / rows_a_second),
                f"{_short(day / 1e6)} million",
                _short(day * row_bytes / 1e9),
                _short(day * row_bytes * 365 / 1e12),
            )
        )
    head = (
        *("sites", "seconds between arrays", "arrays a second", "energy a second", "Mbit/s"),
        *(f"cores: {who}" for who in BROKERS),
        *("rows a second", "databases", "rows a day", "GB a day", "TB a year"),
    )
    return table(head, lines)


def brokers_table() -> str:
    """Each broker at the last step that it carried."""
    lines = []
    for who, steps in _steps().items():
        last = carried(steps)
        lines.append(
            (
                who,
                next(row["x"] for row in steps if row["x"]),
                f"{_arrays(last):,}",
                *(last[name] for name in (COST, "MB", "median, ms", "99th percentile, ms")),
                next((f"{_arrays(row):,}" for row in steps[steps.index(last) + 1 :]), "—"),
            )
        )
    head = (
        *("brokers", "CPU an array, 100 banks, x", "arrays a second", "µs an array", "MB"),
        *("median, ms", "99th percentile, ms", "too many"),
    )
    return table(head, lines)


def carries_table() -> str:
    """What one database carries, and what a Pi writes."""
    banks = figure("FLEET.md", "rows stored a second: 500 banks") / BATTERIES
    days = {
        name: DAY_S
        / (figure("FLEET.md", f"roll_up() of a day of the {name} battery, s") * (1 + PAUSE))
        for name in ("fast", "slow")
    }
    lines = [
        ("banks that send each second, to a database of this size", _round(banks)),
        ("the same, each minute, if the index of the month is in memory", _round(60 * banks)),
        ("battery-days of readings each second, summed up in a day", _round(days["fast"])),
        ("the same, of readings each minute", _round(days["slow"])),
        (
            "MB of history that a Pi writes in a day",
            _round(figure("RESULTS.md", "written in a day, MB")),
        ),
    ]
    return table(("what", "how many"), lines)


def carried(steps: Sequence[Row], most: float = math.inf) -> Row:
    """The last that is not behind the knee, and has not more than ``most`` arrays a second."""
    return [row for row in steps if not row[BEHIND] and _arrays(row) <= most][-1]


def cores(steps: Sequence[Row], messages: float) -> float:
    """Those that so many a second take, by what one costs at the next lower pace."""
    pace = max(messages, _arrays(steps[0]))
    return messages * float(carried(steps, pace)[COST]) / 1e6


def _steps() -> dict[str, list[Row]]:
    """Those of each broker."""
    found: dict[str, list[Row]] = {}
    for head, *rows in tables((BENCH / "FLEET.md").read_text()):
        if head[0] == WHO:
            for cells in rows:
                found.setdefault(cells[0], []).append(dict(zip(head, cells, strict=True)))
    return found


def _arrays(step: Row) -> int:
    """Those of a step, a second."""
    banks, pace = step[STEP].split(" x ")
    return int(banks) * int(pace)


def _short(value: float) -> str:
    """With two digits that count, or whole; little is 0."""
    return f"{value:,.0f}" if value >= 10 or value < LITTLE else f"{value:.2g}"


def _round(value: float) -> str:
    """With two digits that count."""
    return f"{float(f'{value:.2g}'):,.0f}"
