"""Arrays leave in their order and are remembered until they have arrived."""

from __future__ import annotations

import logging
import shutil
import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eflexcan2mqtt.sinks.mqtt import outbox
from eflexcan2mqtt.sinks.mqtt.outbox import Outbox
from eflexcan2mqtt.sinks.mqtt.spool import FILE_NAME, Spool
from tests.support.small_disk import fill

WINDOW = 3


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch):
    """No pace, but where it is tested."""
    monkeypatch.setattr(outbox, "DRAIN_EVERY_S", 0.0)


@pytest.fixture
def spool(tmp_path):
    made = Spool(tmp_path, 100, 30)
    yield made
    made.close()


def kept(folder):
    """How many arrays a spool holds that nobody uses any more."""
    spool = Spool(folder, 100, 30)
    try:
        return spool.count()
    finally:
        spool.close()


def put(box, *numbers):
    for number in numbers:
        box.put(b"%d" % number)


def sent(box):
    """What leaves while there is room."""
    parcels = []
    while parcel := box.next(WINDOW):
        parcels.append(int(parcel.payload))
    return parcels


def delivered(box):
    """What leaves while all is acknowledged."""
    found = []
    while parcel := box.next(2 * WINDOW):
        found.append(int(parcel.payload[:4]))
        box.arrived(parcel.number)
    return found


def test_no_more_than_the_window_is_in_flight():
    box = Outbox(None, 10)
    put(box, 1, 2, 3, 4, 5)
    assert sent(box) == [1, 2, 3]
    box.arrived(1)
    assert sent(box) == [4]
    assert (len(box.in_flight()), box.undelivered()) == (3, 4)


def test_without_a_spool_the_oldest_give_way():
    box = Outbox(None, 4)
    put(box, *range(10))
    assert (sent(box), box.dropped) == ([6, 7, 8], 6)


def test_what_was_in_flight_when_the_connection_ended_is_sent_again_first():
    box = Outbox(None, 10)
    put(box, 1, 2, 3, 4, 5)
    assert sent(box) == [1, 2, 3]
    box.arrived(2)
    box.unsent()
    assert sent(box) == [1, 3, 4]


def test_one_at_a_time_if_the_window_is_so():
    box = Outbox(None, 10)
    put(box, 1, 2)
    assert box.next(1).payload == b"1"
    assert box.next(1) is None


def test_while_all_is_acknowledged_nothing_is_written(spool, tmp_path):
    box = Outbox(spool, 10)
    before = (tmp_path / "spool.sqlite3-wal").stat()
    for number in range(50):
        put(box, number)
        parcel = box.next(WINDOW)
        box.arrived(parcel.number)
        assert not box.overdue(1.0)
    after = (tmp_path / "spool.sqlite3-wal").stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_an_array_that_waits_is_overdue_until_it_is_on_disk(spool):
    box = Outbox(spool, 10)
    put(box, 1)
    box.next(WINDOW)
    time.sleep(0.02)
    assert box.overdue(0.01)
    box.save(True)
    assert not box.overdue(0.0)


def test_a_spill_keeps_the_order_and_outlives_the_process(spool, tmp_path):
    box = Outbox(spool, 10)
    put(box, *range(1, 6))
    assert sent(box) == [1, 2, 3]
    box.arrived(2)
    box.save(True)
    put(box, 6)
    box.save(False)
    assert box.undelivered() == 5
    # Killed and started again: what was in flight is sent once more, first.
    spool.close()
    again = Outbox(Spool(tmp_path, 100, 30), 10)
    put(again, 7)
    assert delivered(again) == [1, 3, 4, 5, 6, 7]
    assert again.undelivered() == 0
    again.close()


def test_a_broken_disk_is_told_once_and_memory_goes_on(spool, caplog):
    box = Outbox(spool, 10)
    put(box, 1, 2)
    spool.close()
    box.save(True)
    put(box, 3)
    box.save(True)
    assert sent(box) == [1, 2, 3]
    [line] = caplog.messages
    assert line.endswith("; arrays wait in memory until it works")


def test_a_disk_that_fills_up_keeps_the_order_and_takes_over_again(small_disk, caplog):
    caplog.set_level(logging.INFO)
    folder, filler = small_disk
    box = Outbox(Spool(folder, 100, 30), 1000)
    for number in range(40):
        box.put(b"%d" % (1000 + number) + b" " * 20_000)
        box.save(True)
        if number == 10:
            fill(filler)
        elif number == 30:
            filler.unlink()
    assert delivered(box) == list(range(1000, 1040))
    box.save(False)
    box.close()
    assert kept(folder) == 0
    assert len(caplog.messages) == 2
    assert caplog.messages[0].endswith("; arrays wait in memory until it works")
    assert caplog.messages[1].endswith("spool.sqlite3: works again")


def test_what_arrives_while_the_disk_fails_is_not_sent_again(small_disk):
    folder, filler = small_disk
    box = Outbox(Spool(folder, 100, 30), 1000)
    for number in range(3):
        box.put(b"%d" % (1000 + number) + b" " * 20_000)
    box.save(True)
    parcels = [box.next(WINDOW) for _ in range(3)]
    fill(filler)
    for parcel in parcels[:2]:
        box.arrived(parcel.number)
        box.save(False)
    filler.unlink()
    box.arrived(parcels[2].number)
    box.save(False)
    box.close()
    assert kept(folder) == 0


def test_a_closed_outbox_does_not_touch_the_spool(spool, tmp_path):
    box = Outbox(spool, 10)
    put(box, 1, 2)
    parcel = box.next(WINDOW)
    box.save(True)
    box.close()
    box.arrived(parcel.number)
    box.save(True)
    assert [path.name for path in tmp_path.iterdir()] == ["spool.sqlite3"]
    assert kept(tmp_path) == 2


def test_arrays_from_disk_leave_at_a_bounded_pace(spool, monkeypatch):
    monkeypatch.setattr(outbox, "DRAIN_EVERY_S", 3600.0)
    box = Outbox(spool, 1000)
    put(box, *range(outbox.DRAIN + 20))
    box.save(True)

    assert (len(delivered(box)), len(delivered(box))) == (outbox.DRAIN, 0)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3600.0)
    assert len(delivered(box)) == 20


def test_a_stop_leaves_on_disk_what_is_there(spool):
    box = Outbox(spool, 1000)
    put(box, *range(10))
    box.save(True)
    box.stop_loading()
    assert delivered(box) == []
    assert box.undelivered() == 10


def test_what_is_only_in_memory_is_known():
    box = Outbox(None, 10)
    put(box, 1, 2)
    box.next(WINDOW)
    assert box.only_in_memory() == 2
    assert box.sendable()


def test_a_damaged_spool_is_made_anew_with_what_is_in_memory_too(spool, tmp_path, caplog):
    box = Outbox(spool, 1000)
    for number in range(300):
        box.put(b"%d" % (1000 + number) + b" " * 20_000)
        if number % 50 == 49:
            box.save(True)
    in_flight = [box.next(WINDOW) for _ in range(WINDOW)]
    file = tmp_path / FILE_NAME
    with file.open("r+b") as database:
        database.seek(file.stat().st_size // 2)
        database.write(b"\xff" * 1_000_000)
    found = delivered(box)
    box.save(True)
    while more := delivered(box):
        found += more
    [line] = [each for each in caplog.messages if "arrays saved" in each]
    lost = int(line.split()[-2])
    assert 20 < lost < 100
    for parcel in in_flight:
        box.arrived(parcel.number)
    box.save(False)
    assert found == sorted(set(found))
    assert len(found) + WINDOW + lost == 300
    box.close()
    assert kept(tmp_path) == 0


class Storm(RuleBasedStateMachine):
    """Everything that can happen to an outbox, against a plain list of what was put."""

    folder = None

    def __init__(self):
        super().__init__()
        self.folder = self.make_folder()
        self.put_numbers = 0
        self.flying = []
        self.open()
        self.arrived = []

    def open(self):
        self.box = Outbox(Spool(self.folder, 100, 30), 1000)

    @rule()
    def put(self):
        self.box.put(b"%d" % self.put_numbers)
        self.put_numbers += 1

    @rule()
    def send(self):
        if parcel := self.box.next(WINDOW):
            self.flying.append(parcel)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def arrive(self, data):
        parcel = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        self.box.arrived(parcel.number)
        self.arrived.append(int(parcel.payload))

    @rule()
    def the_connection_ends(self):
        self.box.unsent()
        self.flying = []

    @rule(everything=st.booleans())
    def save(self, everything):
        self.box.save(everything)

    @rule()
    def kill_after_a_save(self):
        self.box.save(True)
        self.box.close()
        self.flying = []
        self.open()

    @rule()
    def remove_the_file(self):
        (self.folder / FILE_NAME).unlink()
        self.box.check()

    @invariant()
    def nothing_is_lost_or_doubled(self):
        assert len(set(self.arrived)) == len(self.arrived)
        assert self.box.undelivered() == self.put_numbers - len(self.arrived)

    @invariant()
    def flights_are_in_order(self):
        numbers = [parcel.number for parcel in self.flying]
        assert numbers == sorted(numbers)

    def teardown(self):
        self.box.unsent()
        self.arrived += delivered(self.box)
        assert sorted(self.arrived) == list(range(self.put_numbers))
        self.box.close()
        shutil.rmtree(self.folder)


@pytest.fixture(autouse=True)
def _folders(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(
        Storm, "make_folder", lambda _: tmp_path_factory.mktemp("storm"), raising=False
    )


TestStorm = Storm.TestCase
TestStorm.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
