"""A simulated bank in which unknown bytes follow something, or nothing: what explore must tell.

The same seed gives the same records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from struct import pack_into, unpack_from
from typing import Literal

from eflexcan2mqtt.explore.report import ExploreReport, report
from eflexcan2mqtt.explore.survey import Survey
from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.blocks import CYCLE_S, burst
from eflexcan2mqtt.protocol.fields import field
from eflexcan2mqtt.sources.simulated_bank import Bank

from .bank import START, candump_line

HALF_CURRENT, AFTER_RELAY, COUNTER, NOISE, WALK, HELD, SHARED = 60, 39, 62, 65, 70, 72, 18
"""Where they are in STATUS; the counter has two bytes, the last of a frame and the first of the
next one."""
FLAGS = field("charge_relay_status").offset
DELAY = 7  # cycles
PLANTED = ("STATUS 09.5", "STATUS 06.5", "STATUS 09.7 to 0A.1")
"""How explore calls the three that are no chance."""

Change = Callable[[int, int, bytearray], None]


def records(
    seed: int, batteries: int, cycles: int, change: Change = lambda *_: None
) -> Iterator[Record]:
    """What a bank sends; ``change`` gets cycle, battery and STATUS first."""
    bank = Bank(batteries, seed)
    for cycle in range(cycles):
        for battery, (status, cells) in enumerate(bank.step(CYCLE_S), 1):
            changed = bytearray(status)
            change(cycle, battery, changed)
            time = START + cycle * CYCLE_S + battery * 0.02
            yield Record(battery, bytes(changed), cells, time)


def planted(seed: int, batteries: int = 4, cycles: int = 1200) -> Iterator[Record]:
    """Half the current's magnitude, a relay after a delay, a counter, and four kinds of noise."""
    random = Random(seed)
    order: Literal["big", "little"] = "little" if seed % 2 else "big"
    start = random.randrange(0x10000)
    opened = {battery: _openings(random, cycles) for battery in range(1, batteries + 1)}
    walk = dict.fromkeys(opened, 128)
    held = dict.fromkeys(opened, 0)
    shared = [random.randrange(2) if random.random() < 0.02 else None for _ in range(cycles)]
    kept = 0

    def change(cycle: int, battery: int, status: bytearray) -> None:
        nonlocal kept
        (current,) = unpack_from(">h", status, field("battery_current").offset)
        status[HALF_CURRENT] = min(0xFF, abs(current) // 20)
        if cycle in opened[battery]:
            status[FLAGS] &= ~1
        status[AFTER_RELAY] = cycle - DELAY in opened[battery]
        status[COUNTER : COUNTER + 2] = ((start + cycle) % 0x10000).to_bytes(2, order)
        status[NOISE] = random.randrange(0x100)
        walk[battery] = (walk[battery] + random.choice((-1, 0, 1))) % 0x100
        status[WALK] = walk[battery]
        if random.random() < 0.02:
            held[battery] = random.randrange(4)
        status[HELD] = held[battery]
        now = shared[cycle]
        kept = kept if now is None else now
        status[SHARED] = kept

    return records(seed, batteries, cycles, change)


def bursts(seed: int, batteries: int, cycles: int, length: int, common: bool) -> Iterator[Record]:
    """An unknown byte and a field have one burst of changes each, at places of their own.

    So has the charge relay.  All batteries may have the same ones, as a cause in common gives them.
    """
    random = Random(seed)

    def burst(values: int) -> list[int]:
        start = random.randrange(1, cycles - length)
        changing = [random.randrange(values) for _ in range(length)]
        return [*[0] * start, *changing, *[changing[-1]] * (cycles - start - length)]

    courses = [(burst(0x100), burst(2), burst(64)) for _ in range(1 if common else batteries)]

    def change(cycle: int, battery: int, status: bytearray) -> None:
        unknown, relay, limit = courses[0 if common else battery - 1]
        status[NOISE] = unknown[cycle]
        status[FLAGS] ^= relay[cycle]
        pack_into(">H", status, field("charge_current_limit").offset, 300 + limit[cycle])

    return records(seed, batteries, cycles, change)


def write(path: Path, sent: Iterable[Record]) -> Path:
    """Records as a recording by candump; its path."""
    path.write_text(
        "".join(
            candump_line((can_id, data, each.time + index * 0.0004))
            for each in sent
            for index, (can_id, data) in enumerate(burst(each.battery, each.status, each.cells))
        )
    )
    return path


def explored(found: Iterable[Record]) -> tuple[Survey, ExploreReport]:
    """What is said of records."""
    survey = Survey()
    for record in found:
        survey.add(record)
    survey.end()
    return survey, report(survey)


def _openings(random: Random, cycles: int) -> set[int]:
    """The cycles in which a battery's charge relay is open, some times for up to a minute."""
    starts = [random.randrange(60, cycles - 70) for _ in range(5)]
    return {cycle for start in starts for cycle in range(start, start + random.randrange(10, 60))}
