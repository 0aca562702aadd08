"""A step: so many banks, a broker or three, readers that store, and PostgreSQL, for a while.

The first banks are real processes of the program, which get their frames through a pipe; the others
are clients of one process, which publish the same arrays.  The time of an array is from the frame
that wraps its cycle (or from its publishing) to the commit of its rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from tests.cluster.store import EXAMPLES
from tests.support.postgres import Postgres, rows
from tests.support.program import MAIN, mqtt_ini

from . import banks_load, running
from .banks_load import CYCLES, SECOND, Plan
from .engines import LOGIN, Engine

REAL = 20
"""So many banks are processes of the program, as far as two cores carry them beside the rest."""
STEP_S, WARM_S = 20, 4
BEGIN_S = 1.0
"""From the decision to begin to the first array."""
DRAIN_S = 30.0
START_S = 60.0


class Found(NamedTuple):
    """A step: rates in arrays a second, times in s, CPU in s an array, memory in MB."""

    banks: int
    pace: float
    real: int
    sent: float
    stored: float
    broker: float
    storing: float
    memory: float
    times: list[float]
    missing: int

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.times) if self.times else inf

    @property
    def late(self) -> float:
        """The 99th percentile."""
        return quantiles(self.times, n=100, method="inclusive")[98] if self.times[1:] else inf


@dataclass
class Bank:
    """A process of the program, and the lines that it gets."""

    program: running.Running
    topic: str


class Fleet:
    """An engine with its readers; banks are added as steps need them."""

    def __init__(
        self, engine: Engine, folder: Path, database: str, postgres: Postgres, stack: ExitStack
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._database = database
        self._postgres = postgres
        self._stack = stack
        self._banks: list[Bank] = []
        self._lines = banks_load.lines()
        self._epoch = int(time.time())
        self._password = folder / "password"
        self._password.write_text(LOGIN[1])
        self._readers = [
            stack.enter_context(self._reader(f"store-{number}", brokers))
            for number, brokers in enumerate(engine.readers)
        ]

    @contextmanager
    def _reader(self, name: str, brokers: list[tuple[str, int]]) -> Iterator[int]:
        """The pid of a reader that reads."""
        log = self._folder / f"{name}.log"
        command = [sys.executable, str(EXAMPLES / "eflex_store.py"), "--client-id", name]
        for host, port in brokers:
            command += ["--broker", f"{host}:{port}"]
        if self._engine.login:
            command += ["--username", LOGIN[0], "--password-file", str(self._password)]
        with log.open("w") as file:
            process = subprocess.Popen([*command, "--database", self._database], stderr=file)
        try:
            until = time.monotonic() + START_S
            while ": reads " not in log.read_text():
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.1)
            yield process.pid
        finally:
            process.kill()
            process.wait()

    def _add_bank(self) -> None:
        number = len(self._banks)
        addresses = self._engine.addresses
        host, port = addresses[number % len(addresses)]
        topic = f"eflex/real-{number}/house"
        settings: dict[str, object] = {
            **{"hostname": host, "topic": topic, "client_id": topic.replace("/", "-")},
            **{"qos": self._engine.qos, "fields": "extended"},
        }
        if self._engine.login:
            settings.update(username=LOGIN[0], password_file=self._password)
        home = self._folder / f"bank-{number}"
        home.mkdir()
        ini = mqtt_ini(home, port, **settings)
        call = [sys.executable, str(MAIN), "-c", str(ini), "--input", "-", "--speed", "0"]
        program = self._stack.enter_context(running.started(call))
        until = time.monotonic() + START_S
        while "broker connected" not in program.notified():
            assert time.monotonic() < until, "no broker"
            program.write("\n")
        self._banks.append(Bank(program, topic))

    def step(self, number: int, banks: int, pace: float) -> Found:
        """So many banks for a while."""
        while len(self._banks) < min(banks, REAL):
            self._add_bank()
        real = self._banks[:banks]
        names = [each.topic for each in real]
        names += [f"eflex/load-{number}-{each}/house" for each in range(banks - len(real))]
        plan = Plan(
            addresses=self._engine.addresses,
            login=self._engine.login,
            mqtt5=self._engine.mqtt5,
            qos=self._engine.qos,
            topics={name: at / banks for at, name in enumerate(names)},
            pace=pace,
            ticks=round(STEP_S * pace),
            base=self._epoch + 10_000 * number,
        )
        clients = dict(list(plan.topics.items())[len(real) :])
        with self._load(replace(plan, topics=clients)) as load:
            before = self._cpu()
            begin = time.time() + BEGIN_S
            at = self._feed(real, plan, begin, load)
            expected = sum(map(len, at.values()))
            stored = self._drained(plan, expected)
            broker, storing = (
                (now - then) / expected for now, then in zip(self._cpu(), before, strict=True)
            )
        first, last = begin + WARM_S, begin + STEP_S
        times = {
            (topic, plan.base + tick): sent
            for topic, each in at.items()
            for tick, sent in enumerate(each)
        }
        counted = [key for key, sent in times.items() if first <= sent < last]
        commits = [stored[key] for key in counted if key in stored]
        return Found(
            banks=banks,
            pace=pace,
            real=len(real),
            sent=len(counted) / (last - first),
            stored=len(commits) / (max(commits, default=last) - first),
            broker=broker,
            storing=storing,
            memory=sum(map(running.memory, self._engine.pids())),
            times=[stored[key] - times[key] for key in counted if key in stored],
            missing=len(times.keys() - stored.keys()),
        )

    def _cpu(self) -> tuple[float, float]:
        """The seconds so far of the broker, and of the readers and the database."""
        postmaster = self._postgres.pid
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        storing = [*self._readers, postmaster, *map(int, children)]
        ended = running.cpu_of_ended_children(postmaster)  # its vacuums come and go
        return running.exact_cpu(self._engine.pids()), running.exact_cpu(storing) + ended

    @contextmanager
    def _load(self, plan: Plan) -> Iterator[subprocess.Popen[str] | None]:
        """The process of the banks that are none, connected; None if there are none of these."""
        if not plan.topics:
            yield None
            return
        command = [sys.executable, "-m", "bench.banks_load"]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=MAIN.parent
        )
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(plan.text() + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
            process.wait()

    def _feed(
        self, real: list[Bank], plan: Plan, begin: float, load: subprocess.Popen[str] | None
    ) -> dict[str, list[float]]:
        """Have all banks send; when each array was sent, by topic."""
        if load:
            assert load.stdin
            load.stdin.write(f"{begin}\n")
            load.stdin.flush()
        at: dict[str, list[float]] = {each.topic: [] for each in real}
        for each in real:
            each.program.write(self._line(plan.base, 0, 0))
        for tick in range(plan.ticks):
            text = "".join(self._cycle(plan.base, tick))
            for each in real:
                due = begin + plan.due(each.topic, tick)
                time.sleep(max(0.0, due - time.time()))
                at[each.topic].append(time.time())
                each.program.write(text)
        if load:
            assert load.stdout
            text = load.stdout.read()
            assert text, "the load has failed"
            at.update(json.loads(text))
        return at

    def _cycle(self, base: int, tick: int) -> list[str]:
        """The frames of a cycle but the first, and that which wraps it: the first of the next."""
        count = len(self._lines[0])
        rest = [self._line(base, tick, frame) for frame in range(1, count)]
        return [*rest, self._line(base, tick + 1, 0)]

    def _line(self, base: int, tick: int, frame: int) -> str:
        cycle = tick % CYCLES
        line = self._lines[cycle][frame]
        return line.replace(f"({SECOND + cycle}.", f"({base + tick}.", 1)

    def _drained(self, plan: Plan, expected: int) -> dict[tuple[str, int], float]:
        """When each array was committed, by topic and time, once all are or time is over."""
        until = time.monotonic() + DRAIN_S
        while True:
            [(count,)] = rows(
                self._database,
                "SELECT count(*) FROM reading WHERE battery_number = 1 "
                "AND time >= to_timestamp(%s) AND time < to_timestamp(%s)",
                *(plan.base, plan.base + plan.ticks),
            )
            if count >= expected or time.monotonic() > until:
                break
            time.sleep(1)
        found = rows(
            self._database,
            "SELECT topic, extract(epoch FROM time)::bigint, "
            "extract(epoch FROM pg_xact_commit_timestamp(reading.xmin))::float "
            "FROM reading JOIN battery USING (battery) WHERE battery_number = 1 "
            "AND time >= to_timestamp(%s) AND time < to_timestamp(%s)",
            *(plan.base, plan.base + plan.ticks),
        )
        return {(topic, second): at for topic, second, at in found}
