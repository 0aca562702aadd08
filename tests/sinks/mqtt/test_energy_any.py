"""Whatever ends runs, brokers and disks: readers see the counters of energy rise, or fall to 0."""

from __future__ import annotations

import json
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.sinks.mqtt.energy import PUBLISH_S, RETAINED_S, SAVE_S
from eflexcan2mqtt.sinks.mqtt.kept import LATEST, parse

from .energy_runs import Run, energy_in


class World:
    """A broker and a disk, through runs that end in any way; what readers have seen.

    With a ``wild`` clock, which jumps, two messages of different runs may have one time.
    """

    def __init__(self, folder, wild):
        self._folder = folder
        self._wild = wild
        self._clock = 1e9
        self._retained = None
        self._early = 0.0
        self._acknowledged = 0  # the place of the last such message that this run knows
        self._older = 0  # so many messages are older than the file
        self.read = []
        self._start()

    def _start(self):
        if self._retained:
            self._older = max(self._older, self.read.index(self._retained))
        self._acknowledged = self._older
        self._run = Run(self._folder, self._retained, lambda: self._clock)
        self._run.counted = self._early
        self._run.tick(RETAINED_S)

    def count(self, energy):
        self._run.counted += energy

    def count_early(self, energy):
        """Before the next runs know with what they begin."""
        self._early = energy

    def jump(self, seconds):
        if self._wild or seconds > 0:
            self._clock = max(0.0, self._clock + seconds)

    def publish(self):
        self._run.tick(PUBLISH_S)
        self._deliver(self._run.publish(0.0), answered=True)

    def publish_without_an_answer(self):
        self._run.tick(PUBLISH_S)
        self._deliver(self._run.sent(), answered=False)

    def save(self):
        self._older = max(self._older, self._acknowledged)
        self._run.tick(SAVE_S)

    def _stop(self):
        self._deliver(self._run.stop(), answered=True)
        self._older = self._acknowledged

    def stop(self):
        self._stop()
        self._start()

    def kill(self):
        self._start()

    def forget_and_kill(self):
        self._retained = None
        self._start()

    def forget_and_stop(self):
        self._stop()
        self._retained = None
        self._start()

    def forget(self):
        """The broker begins anew while we run."""
        self._retained = None
        self._run.connect()

    def go_back_and_kill(self, share):
        """The broker's disk has a message that is older than the file."""
        older = self.read[: self._older]
        if self._wild:
            file = parse((self._folder / "energy.json").read_bytes())
            older = [each for each in older if parse(each).time < file.time]
        if older:
            self._retained = older[int(share * len(older))]
            self._start()

    def go_back_and_stop(self, share):
        self._stop()
        self._retained = self.read[int(share * len(self.read))]
        self._start()

    def _deliver(self, payloads, answered):
        self._clock += PUBLISH_S
        self.read += payloads
        self._retained = payloads[-1] if payloads else self._retained
        if payloads and answered:
            self._acknowledged = len(self.read) - 1


def energies(action):
    return st.floats(0, 5).map(lambda energy: partial(action, energy=energy))


def shares(action):
    return st.floats(0, 0.99).map(lambda share: partial(action, share=share))


ACTIONS = st.one_of(
    energies(World.count),
    energies(World.count),
    energies(World.count_early),
    st.sampled_from([-1e10, -100.0, -0.5, 0.5, 100.0, 1e9]).map(
        lambda seconds: partial(World.jump, seconds=seconds)
    ),
    st.sampled_from([World.publish, World.publish_without_an_answer]),
    st.sampled_from([World.publish, World.save]),
    st.sampled_from([World.stop, World.kill, World.forget_and_kill, World.forget_and_stop]),
    st.just(World.forget),
    shares(World.go_back_and_kill),
    shares(World.go_back_and_stop),
)


@pytest.mark.parametrize("wild", [False, True])
@given(actions=st.lists(ACTIONS, min_size=30, max_size=60))
def test_readers_see_the_counters_rise_or_fall_to_0(wild, actions):
    with TemporaryDirectory(dir="/dev/shm") as folder:  # a disk would take minutes
        world = World(Path(folder), wild)
        world.publish()
        for action in actions:
            action(world)
        world.publish()
    values = [(energy_in(each), json.loads(each)["bank"]["energy_in"]) for each in world.read]
    for before, after in pairwise(values):
        assert all(now >= then for then, now in zip(before, after, strict=True)) or not any(after)


def test_a_clock_that_says_a_later_century_is_not_believed():
    with TemporaryDirectory(dir="/dev/shm") as folder:
        world = World(Path(folder), wild=True)
        world.count(2.0)
        for _ in range(5):
            world.jump(1e9)
        world.publish()
        world.kill()
        world.publish()
    times = [parse(each).time for each in world.read]
    assert max(times) < LATEST
    assert times == sorted(set(times))
