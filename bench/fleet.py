"""Many banks, a broker or three, readers that store, and PostgreSQL: how much they carry.

Each bank publishes an array a second, and then more often, until the rows come late: the knee.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from tests.cluster.network import Network
from tests.cluster.store import EXAMPLES
from tests.support.postgres import Postgres

from .banks_load import BATTERIES
from .engines import Engine, mosquitto, nats, rabbitmq
from .fleet_step import DRAIN_S, REAL, STEP_S, Fleet, Found
from .report import Part

STEPS = ((1, 1), (10, 1), (50, 1), (100, 1), (200, 1), (200, 2), (200, 3), (200, 4), (200, 6))
"""Banks, and arrays a second of each."""
QUICK_STEPS = ((1, 1), (100, 1), (200, 1), (200, 3))
COMPARED = (100, 1)
"""The step whose ratios are shown."""
KNEE_S, KNEE_SHARE = 1.0, 0.95
"""Behind the knee, the 99th percentile is above the first, or the banks get rid of less than this
share of their arrays, or some are not stored at all."""

ENGINES: tuple[tuple[Callable[[Path, int], Engine], int], ...] = (
    (mosquitto, 1),
    (mosquitto, 3),
    (rabbitmq, 1),
    (rabbitmq, 3),
    (nats, 1),
    (nats, 3),
)


def measure(quick: bool) -> Part:
    """All engines, one after the other."""
    _network()
    found: dict[tuple[str, int], list[Found]] = {}
    for make, count in ENGINES:
        with tempfile.TemporaryDirectory() as name:
            engine = make(Path(name), count)
            found[engine.name, count] = list(_steps(engine, Path(name), quick))
    compared = {who: step for who, steps in found.items() for step in steps if step[:2] == COMPARED}
    one = next(iter(compared.values()), None)
    return Part(
        "Fleet: banks, brokers, readers and a database",
        f"Banks of {BATTERIES} batteries with extended fields and QoS 2, or 1 with NATS; "
        f"{STEP_S} s a step. At most {REAL} banks are processes of the program, the "
        "others clients of one process. examples/eflex_store.py stores in PostgreSQL, all on this "
        "machine. Three mosquittos are apart, each with a reader; three RabbitMQ or NATS are one "
        "broker with one reader. The time is from the frame to the commit. CPU is that of all "
        "brokers, and of readers and database together; x is the ratio to one mosquitto with "
        f"{COMPARED[0]} banks. Behind the knee, the 99th percentile is above {KNEE_S * 1e3:.0f} "
        "ms, or a bank cannot send at its pace, or arrays are not in the database after "
        f"{DRAIN_S:.0f} s.",
        (
            *("broker", "banks x arrays a second", "processes", "sent a second", "stored a second"),
            *("broker, µs an array", "x", "MB", "storing, µs an array"),
            *("median, ms", "99th percentile, ms", "missing", "behind the knee"),
        ),
        [
            (
                *(f"{count} {name}", f"{step.banks} x {step.pace:g}", step.real),
                *(step.sent, step.stored, step.broker * 1e6),
                step.broker / one.broker if one and step[:2] == COMPARED else "",
                *(round(step.memory), step.storing * 1e6),
                *(step.middle * 1e3, step.late * 1e3, step.missing),
                "yes" if behind(step) else "",
            )
            for (name, count), steps in found.items()
            for step in steps
        ],
    )


@cache
def _network() -> Network:
    """That of the nodes, which end with us."""
    return Network((1, 2, 3))


def behind(step: Found) -> bool:
    """Whether it is behind the knee."""
    due = step.banks * step.pace
    return step.late > KNEE_S or step.sent < KNEE_SHARE * due or step.missing > 0


def _steps(engine: Engine, folder: Path, quick: bool) -> Iterator[Found]:
    """Until two are behind the knee: the machine may have been busy with something else once."""
    with ExitStack() as stack:
        postgres = Postgres({"track_commit_timestamp": "on"})
        stack.callback(postgres.close)
        postgres.start()
        database = postgres.create("eflex", EXAMPLES / "eflex-store.sql")
        stack.callback(engine.stop)
        engine.start()
        fleet = Fleet(engine, folder, database, postgres, stack)
        late = 0
        for number, (banks, pace) in enumerate(QUICK_STEPS if quick else STEPS):
            step = fleet.step(number, banks, pace)
            print(engine.name, engine.count, _short(step), flush=True)
            yield step
            late = late + 1 if behind(step) else 0
            if late == 2:
                return


def _short(step: Found) -> str:
    return (
        f"{step.banks} x {step.pace:g}: {step.stored:.0f} of {step.sent:.0f}/s, "
        f"{step.broker * 1e6:.0f} + {step.storing * 1e6:.0f} µs, "
        f"{step.middle * 1e3:.0f} and {step.late * 1e3:.0f} ms, {step.missing} missing"
    )
