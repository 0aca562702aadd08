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
from eflexcan2mqtt.sinks.mqtt.spool import Spool, SpoolError

WINDOW = 3


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch):
    """No pace, but where it is tested."""
    monkeypatch.setattr(outbox, "DRAIN_EVERY_S", 0.0)


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path, 100, 30)


def put(box, *numbers):
    for number in numbers:
        box.put(b"%d" % number)


def sent(box):
    """What leaves while there is room."""
    parcels = []
    while parcel := box.next():
        parcels.append(int(parcel.payload))
    return parcels


def test_no_more_than_the_window_is_in_flight():
    box = Outbox(None, 10, WINDOW)
    put(box, 1, 2, 3, 4, 5)
    assert sent(box) == [1, 2, 3]
    box.arrived(1)
    assert sent(box) == [4]
    assert (box.waiting(), box.undelivered()) == (1, 4)


def test_without_a_spool_the_oldest_give_way():
    box = Outbox(None, 4, WINDOW)
    put(box, *range(10))
    assert (sent(box), box.take_dropped(), box.take_dropped()) == ([6, 7, 8], 6, 0)


def test_while_all_is_acknowledged_nothing_is_written(spool, tmp_path):
    box = Outbox(spool, 10, WINDOW)
    before = (tmp_path / "spool.sqlite3-wal").stat()
    for number in range(50):
        put(box, number)
        parcel = box.next()
        box.arrived(parcel.number)
        assert not box.overdue(1.0)
    after = (tmp_path / "spool.sqlite3-wal").stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_an_array_that_waits_is_overdue_until_it_is_on_disk(spool):
    box = Outbox(spool, 10, WINDOW)
    put(box, 1)
    box.next()
    time.sleep(0.02)
    assert box.overdue(0.01)
    box.spill()
    assert not box.overdue(0.0)


def test_a_spill_keeps_the_order_and_outlives_the_process(spool, tmp_path):
    box = Outbox(spool, 10, WINDOW)
    put(box, *range(1, 6))
    assert sent(box) == [1, 2, 3]
    box.arrived(2)
    box.spill()
    put(box, 6)
    assert box.undelivered() == 5
    # Killed and started again: what was in flight is sent once more, first.
    spool.close()
    again = Outbox(Spool(tmp_path, 100, 30), 10, WINDOW)
    put(again, 7)
    found = []
    while parcel := again.next():
        found.append(int(parcel.payload))
        again.arrived(parcel.number)
    assert found == [1, 3, 4, 5, 6, 7]
    assert again.undelivered() == 0


def test_a_broken_disk_is_told_once_and_memory_goes_on(spool, caplog):
    box = Outbox(spool, 10, WINDOW)
    put(box, 1, 2)
    spool.close()
    box.spill()
    put(box, 3)
    box.spill()
    assert sent(box) == [1, 2, 3]
    [line] = caplog.messages
    assert line.endswith("; arrays wait in memory until it works")


def full(spool, pages):
    """Let the disk be full from so many pages on."""
    spool._database.execute(f"PRAGMA max_page_count = {pages}")


def test_a_disk_that_fills_up_keeps_the_order_and_takes_over_again(spool, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    box = Outbox(spool, 1000, WINDOW)
    for number in range(40):
        box.put(b"%04d" % number * 1000)
        box.spill()
        if number == 10:
            full(spool, 30)
        elif number == 30:
            full(spool, 1_000_000)
    found = []
    while parcel := box.next():
        found.append(int(parcel.payload[:4]))
        box.arrived(parcel.number)
    assert found == list(range(40))
    box.close()
    assert Spool(tmp_path, 100, 30).count == 0
    assert len(caplog.messages) == 2
    assert caplog.messages[0].endswith("is full; arrays wait in memory until it works")
    assert caplog.messages[1].endswith("spool.sqlite3: works again")


def test_what_arrives_while_the_disk_fails_is_not_sent_again(spool, tmp_path, monkeypatch):
    box = Outbox(spool, 10, WINDOW)
    put(box, 1, 2, 3)
    box.spill()
    assert sent(box) == [1, 2, 3]

    def fail(numbers):
        raise SpoolError("x")

    with monkeypatch.context() as context:
        context.setattr(spool, "remove", fail)
        for number in (1, 2):
            box.arrived(number)
    box.arrived(3)
    box.close()
    assert Spool(tmp_path, 100, 30).count == 0


def test_a_late_acknowledgement_does_not_touch_a_closed_spool(spool, tmp_path):
    box = Outbox(spool, 10, WINDOW)
    put(box, 1, 2)
    parcel = box.next()
    assert box.close() == 0
    box.arrived(parcel.number)
    box.spill()
    assert [path.name for path in tmp_path.iterdir()] == ["spool.sqlite3"]
    assert Spool(tmp_path, 100, 30).count == 2


def test_arrays_from_disk_leave_at_a_bounded_pace(spool, monkeypatch):
    monkeypatch.setattr(outbox, "DRAIN_EVERY_S", 0.5)
    box = Outbox(spool, 1000, WINDOW)
    put(box, *range(outbox.DRAIN + 20))
    box.spill()

    def burst():
        count = 0
        while parcel := box.next():
            box.arrived(parcel.number)
            count += 1
        return count

    assert (burst(), burst()) == (outbox.DRAIN, 0)
    time.sleep(0.6)
    assert burst() == 20


def test_close_takes_the_rest_to_disk_or_counts_it(spool, tmp_path):
    kept, lost = Outbox(spool, 10, WINDOW), Outbox(None, 10, WINDOW)
    for box in (kept, lost):
        put(box, 1, 2)
        box.next()
    assert (kept.close(), lost.close()) == (0, 2)
    assert Spool(tmp_path, 100, 30).count == 2


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
        self.box = Outbox(Spool(self.folder, 100, 30), 1000, WINDOW)

    @rule()
    def put(self):
        self.box.put(b"%d" % self.put_numbers)
        self.put_numbers += 1

    @rule()
    def send(self):
        if parcel := self.box.next():
            self.flying.append(parcel)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def arrive(self, data):
        parcel = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        self.box.arrived(parcel.number)
        self.arrived.append(int(parcel.payload))

    @precondition(lambda self: self.flying)
    @rule()
    def back(self):
        self.box.back(self.flying.pop())

    @rule()
    def spill(self):
        self.box.spill()

    @rule()
    def kill_after_a_spill(self):
        self.box.spill()
        self.box._spool.close()
        self.flying = []
        self.open()

    @invariant()
    def nothing_is_lost_or_doubled(self):
        assert len(set(self.arrived)) == len(self.arrived)
        assert self.box.undelivered() == self.put_numbers - len(self.arrived)

    @invariant()
    def flights_are_in_order(self):
        numbers = [parcel.number for parcel in self.flying]
        assert numbers == sorted(numbers)

    def teardown(self):
        while parcel := self.box.next():
            self.flying.append(parcel)
            first = self.flying.pop(0)
            self.box.arrived(first.number)
            self.arrived.append(int(first.payload))
        for parcel in self.flying:
            self.box.arrived(parcel.number)
            self.arrived.append(int(parcel.payload))
        # The window may have been full: empty it to the end.
        while parcel := self.box.next():
            self.box.arrived(parcel.number)
            self.arrived.append(int(parcel.payload))
        assert sorted(self.arrived) == list(range(self.put_numbers))
        self.box._spool.close()
        shutil.rmtree(self.folder)


@pytest.fixture(autouse=True)
def _folders(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(
        Storm, "make_folder", lambda _: tmp_path_factory.mktemp("storm"), raising=False
    )


TestStorm = Storm.TestCase
TestStorm.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
