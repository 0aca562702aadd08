"""Counters of energy go on after a restart, and never take a small step back."""

from __future__ import annotations

import json
import logging
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.energy import Counters, EnergySession, EnergyTotals
from eflexcan2mqtt.sinks.message import Message
from eflexcan2mqtt.sinks.mqtt.energy import PUBLISH_S, RETAINED_S, SAVE_S, EnergyCounters
from eflexcan2mqtt.sinks.mqtt.kept import LATEST, Kept, begin, content, parse
from tests.support.faults import seen

TOPIC = "eflexbatteries/energy"
NEW = "new"


def totals(energy, name="A"):
    return EnergyTotals(Counters(energy, energy / 2, 0), {name: Counters(energy, 0, 0)})


def kept(time, energy, clean=False, name="A"):
    return Kept(time, totals(energy, name), clean)


class TestTheBeginning:
    @pytest.mark.parametrize(
        ("file", "retained", "expected"),
        [
            (None, None, 0),
            (None, kept(5, 3), 3),
            (kept(5, 3, clean=True), None, 3),
            (kept(5, 3, clean=True), kept(4, 2), 3),
            (kept(5, 3, clean=True), kept(9, 4), 4),
            (kept(5, 3), None, 0),
            (kept(5, 3), kept(4.9, 2), 0),
            (kept(5, 3), kept(5, 2), 3),
            (kept(5, 3), kept(6, 4), 4),
            (kept(5, 3), kept(6, 103), 103),
            (kept(5, 3), kept(6, 103.1), 0),
            (kept(5, 1500, clean=True), kept(6, 1601), 0),
            (kept(5, 3, clean=True), kept(6, 103.1), 3),
        ],
    )
    def test_it_is_the_greater_or_0_and_never_a_small_step_back(self, file, retained, expected):
        beginning = begin(file, retained)
        assert beginning.totals.bank.energy_in == expected
        remarkable = expected == 0 or (retained and retained.totals.bank.energy_in > 103)
        assert bool(beginning.remark) == bool(file and remarkable)

    def test_it_is_decided_value_by_value(self):
        file = Kept(1, EnergyTotals(Counters(5, 1, 0), {"A": Counters(4, 0, 0)}, gaps=3), True)
        retained = Kept(1, EnergyTotals(Counters(4, 2, 0), {"B": Counters(6, 0, 0)}, gaps=2))
        assert begin(file, retained).totals == EnergyTotals(
            Counters(5, 2, 0), {"A": Counters(4, 0, 0), "B": Counters(6, 0, 0)}, gaps=3
        )

    def test_a_battery_that_only_the_broker_has_may_be_ahead_of_nothing(self):
        assert begin(kept(5, 3), kept(6, 101, name="B")).remark

    def test_at_0_every_battery_that_was_shown_is_at_0(self):
        found = begin(kept(5, 3, name="A"), kept(4, 3, name="B")).totals
        assert found == EnergyTotals(batteries={"A": Counters(), "B": Counters()})


class TestTheText:
    def test_it_has_three_decimals(self):
        totals = EnergyTotals(Counters(1.23456, 0.5, 0.01), {"A": Counters(1, 2, 3)}, gaps=3)
        text = content(Kept(1_715_987_139.12, totals, clean=True))
        assert json.loads(text) == {
            "time": 1_715_987_139.1,
            "bank": {"energy_in": 1.235, "energy_out": 0.5, "energy_ignored": 0.01},
            "batteries": {"A": {"energy_in": 1, "energy_out": 2, "energy_ignored": 3}},
            "gaps": 3,
            "clean": True,
        }
        assert parse(text).totals.batteries == totals.batteries

    @pytest.mark.parametrize(
        "change",
        [
            {"bank": {"energy_in": 1}},
            {"bank": {"energy_in": -1, "energy_out": 0, "energy_ignored": 0}},
            {"bank": {"energy_in": float("nan"), "energy_out": 0, "energy_ignored": 0}},
            {"bank": {"energy_in": "1", "energy_out": 0, "energy_ignored": 0}},
            {"bank": None},
            {"batteries": []},
            {"batteries": {"\ud800": totals(1).bank._asdict()}},
            {"bank": {"energy_in": True, "energy_out": 0, "energy_ignored": 0}},
            {"time": 1e300},
            {"gaps": [1]},
        ],
    )
    def test_what_is_no_counter_is_refused(self, change):
        good = json.loads(content(kept(1, 1)))
        with pytest.raises(ValueError, match=r"."):
            parse(json.dumps({**good, **change}).encode())

    def test_of_more_batteries_than_a_bank_has_the_last_are_taken(self):
        many = {f"A{number}": totals(1).bank._asdict() for number in range(31)}
        found = parse(json.dumps({**json.loads(content(kept(1, 1))), "batteries": many}).encode())
        assert [*found.totals.batteries] == [f"A{number}" for number in range(1, 31)]

    @given(st.binary() | st.recursive(st.none(), st.lists).map(json.dumps).map(str.encode))
    def test_anything_else_is_refused_with_a_reason(self, text):
        with pytest.raises(ValueError, match=r"."):
            parse(text)


class Run:
    """One run of the counters, at a broker that has ``retained``; ``counted`` is its session."""

    def __init__(self, folder, retained=None, clock=lambda: 1e9):
        self.counted = 0.0
        self.now = 0.0
        self.counters = EnergyCounters("eflexbatteries", folder, self._session, clock)
        self.tick()
        self.connect(retained)

    def _session(self):
        # The bank takes a tenth of what its battery takes: its counter is another one.
        return EnergySession(Counters(self.counted / 10, 0, 0), {"A": Counters(self.counted, 0, 0)})

    def connect(self, retained=None):
        self.counters.connected()
        for topic in self.counters.topics:
            self.counters.subscribed(topic, self.now)
            if retained is not None:
                self.counters.received(Message(topic, retained, retain=True))

    def tick(self, seconds=0.0):
        self.now += seconds
        self.counters.tick(self.now)

    def sent(self):
        """What is sent now; not acknowledged yet."""
        return [each.payload for each in self.counters.due([], self.now)]

    def publish(self, seconds=PUBLISH_S):
        """What is sent after so long, and acknowledged."""
        self.tick(seconds)
        found = self.sent()
        for payload in found:
            self.counters.answered(Message(TOPIC, payload, retain=True), taken=True)
        return found

    def stop(self):
        self.counters.stop()
        found = self.publish(0.0)
        self.counters.close()
        return found


def energy_in(payload):
    return json.loads(payload)["batteries"].get("A", {}).get("energy_in", 0.0)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "energy.json"


def test_nothing_is_published_before_the_broker_has_had_time_for_its_message(tmp_path):
    run = Run(tmp_path)
    assert run.publish(RETAINED_S - 0.1) == []
    assert run.counters.health() == {}
    [payload] = run.publish(0.1)
    assert run.counters.health() == {"energy": json.loads(payload)}


def test_a_connection_that_ends_before_that_does_not_count(tmp_path):
    run = Run(tmp_path)
    run.counters.connected()
    assert run.publish(60.0) == []
    run.connect(content(kept(5, 3)))
    assert list(map(energy_in, run.publish(0.0))) == [3.0]


def test_the_first_message_is_that_of_the_run_before(tmp_path):
    run = Run(tmp_path, content(kept(5, 3)))
    run.counted = 2.0
    assert list(map(energy_in, run.publish(0.0))) == [3.0]
    assert run.publish(PUBLISH_S - 0.1) == []
    assert list(map(energy_in, run.publish(0.1))) == [5.0]


def test_a_first_message_that_did_not_arrive_is_sent_again(tmp_path):
    run = Run(tmp_path, content(kept(5, 3)))
    run.tick()
    run.counted = 2.0
    assert list(map(energy_in, run.sent())) == [3.0]
    run.tick(2 * SAVE_S)
    assert list(map(energy_in, run.publish())) == [3.0]
    assert list(map(energy_in, run.publish())) == [5.0]


def test_what_comes_on_the_topic_later_is_ours(tmp_path):
    run = Run(tmp_path, content(kept(5, 3)))
    run.publish(0.0)
    run.counters.received(Message(TOPIC, content(kept(6, 50)), retain=True))
    run.counters.received(Message(TOPIC, content(kept(6, 50))))
    assert list(map(energy_in, run.publish())) == [3.0]


def test_a_message_that_another_sends_meanwhile_does_not_count(tmp_path):
    run = Run(tmp_path)
    run.counters.received(Message(TOPIC, content(kept(6, 50))))
    assert list(map(energy_in, run.publish(RETAINED_S))) == [0.0]


def test_the_mark_is_gone_before_anything_is_published(tmp_path, file):
    file.write_bytes(content(kept(5, 3, clean=True)))
    run = Run(tmp_path)
    run.tick(RETAINED_S)
    assert not parse(file.read_bytes()).clean
    assert list(map(energy_in, run.sent())) == [3.0]


def test_the_file_is_never_older_than_it_was(tmp_path, file):
    """Else a message between the two would be believed."""
    file.write_bytes(content(kept(5, 3, clean=True)))
    run = Run(tmp_path, content(kept(4, 2)))
    run.tick()
    assert parse(file.read_bytes()) == kept(5, 3)


def test_the_file_is_written_each_minute_and_with_the_mark_at_a_stop(tmp_path, file):
    run = Run(tmp_path, content(kept(5, 3)))
    first = run.publish(0.0)
    run.counted = 2.0
    run.tick(SAVE_S - 0.1)
    assert energy_in(file.read_bytes()) == 3.0
    run.tick(0.1)
    written = json.loads(file.read_bytes())
    assert written["batteries"]["A"]["energy_in"] == 5.0
    assert written["time"] == json.loads(first[0])["time"]
    last = run.stop()
    assert json.loads(file.read_bytes()) == {**json.loads(last[0]), "clean": True}


def test_without_a_folder_the_broker_keeps_them(caplog):
    run = Run(None, content(kept(5, 3)))
    run.publish(0.0)
    run.counted = 1.0
    assert list(map(energy_in, run.stop())) == [4.0]
    assert caplog.messages == []


def test_the_very_first_start_has_no_line_in_the_log(tmp_path, caplog):
    assert list(map(energy_in, Run(tmp_path).publish(RETAINED_S))) == [0.0]
    assert caplog.messages == []


def test_a_beginning_at_0_has_a_line_and_shows_the_0(tmp_path, file, caplog):
    file.write_bytes(content(kept(5, 3)))
    run = Run(tmp_path)
    run.counted = 2.9
    assert list(map(energy_in, run.publish(RETAINED_S))) == [0.0]
    seen("a power cut of machine and broker, which forgets the counters of energy", caplog.text)
    assert len(caplog.messages) == 1


def test_a_run_without_a_broker_counts_if_the_file_has_the_mark(tmp_path, file):
    for before, after in ((kept(5, 3, clean=True), 4.0), (kept(5, 3), 3.0)):
        file.write_bytes(content(before))
        counters = EnergyCounters(
            "eflexbatteries", tmp_path, lambda: EnergySession(batteries={"A": Counters(1, 0, 0)})
        )
        counters.tick(0.0)
        counters.stop()
        counters.close()
        assert energy_in(file.read_bytes()) == after
        assert parse(file.read_bytes()).clean == before.clean


def test_a_damaged_file_is_set_aside(tmp_path, file, caplog):
    file.write_text('{"time": 5, "bank"')
    run = Run(tmp_path, content(kept(5, 3)))
    assert list(map(energy_in, run.publish(0.0))) == [3.0]
    seen("the file with the counters of energy is damaged", caplog.text)
    assert (tmp_path / "energy.damaged").read_text() == '{"time": 5, "bank"'


def test_a_damaged_message_is_ignored(tmp_path, file, caplog):
    file.write_bytes(content(kept(5, 3, clean=True)))
    run = Run(tmp_path, b'"x"')
    assert list(map(energy_in, run.publish(0.0))) == [3.0]
    seen("another program has written to the topic of the counters of energy", caplog.text)


def test_a_file_that_cannot_be_written_any_more_is_removed(tmp_path, file, caplog):
    """Its mark would hold, although more is published."""
    caplog.set_level(logging.INFO)
    file.write_bytes(content(kept(5, 3, clean=True)))
    blocker = tmp_path / "energy.new"
    blocker.mkdir()
    (blocker / "x").touch()
    run = Run(tmp_path)
    assert list(map(energy_in, run.publish(RETAINED_S))) == [3.0]
    assert not file.exists()
    run.tick(SAVE_S)
    assert len(caplog.messages) == 1
    (blocker / "x").unlink()
    blocker.rmdir()
    run.tick(SAVE_S)
    assert energy_in(file.read_bytes()) == 3.0
    assert caplog.messages[1:] == [f"{file}: works again"]


def test_a_folder_that_cannot_be_read_stops_nothing(caplog):
    run = Run(Path("/proc/version/energy"), content(kept(5, 3)))
    assert list(map(energy_in, run.publish(0.0))) == [3.0]
    assert list(map(energy_in, run.stop())) == [3.0]
    seen("the counters of energy cannot be written", caplog.text)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("clock", [0.0, 1e9, 4.1e9])
def test_the_times_of_messages_rise_whatever_the_clock_says(tmp_path, clock):
    run = Run(tmp_path, content(kept(1_715_987_139.1, 3)), clock=lambda: clock)
    times = [json.loads(run.publish()[0])["time"] for _ in range(30)]
    assert times == sorted(set(times))
    assert times[0] > 1_715_987_139.1


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
