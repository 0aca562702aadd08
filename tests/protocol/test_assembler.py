"""Frames become records only when a battery really sent them, whole and together."""

from __future__ import annotations

import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.assembler import (
    INCOMPLETE,
    MAX_AGE_S,
    NO_STATUS,
    OVERLAPPING,
    STALE,
    WRONG_NUMBER,
    Assembler,
    Record,
    Start,
)
from eflexcan2mqtt.protocol.blocks import OUR_IDS
from eflexcan2mqtt.protocol.decode import decode
from tests.support.bank import CYCLE_S, START, STATUS_FRAMES, cycles, sent


def fed(frames):
    """The events that frames cause, and the assembler."""
    assembler = Assembler()
    return list(assembler.events(frames)), assembler


def later(frames, seconds):
    return [(can_id, data, time + seconds) for can_id, data, time in frames]


def test_a_burst_is_a_start_and_a_record():
    events, assembler = fed(sent(3))
    assert events[0] == Start(3)
    assert [type(each) for each in events] == [Start, Record]
    assert (events[1].battery, events[1].time) == (3, pytest.approx(START + 17 * 0.0005))
    assert assembler.dropped == {}


@pytest.mark.parametrize("missing", range(18))
def test_one_lost_frame_costs_one_record(missing):
    """The next burst is whole again, and the loss was counted."""
    frames = sent(3)
    del frames[missing]
    events, assembler = fed(frames + later(sent(3), CYCLE_S))
    assert len([each for each in events if isinstance(each, Record)]) == 1
    assert assembler.dropped[INCOMPLETE] == 1


@pytest.mark.parametrize("marker", [0x00, 0x02, 0x0C, 0x11, 0xFF])
def test_a_frame_that_nothing_awaits_is_of_no_block(marker):
    """Not at the start, nor behind a whole burst, which loses nothing by it."""
    unexpected = [(can_id, bytes([marker]) + bytes(7), START) for can_id in (0x103, 0x603)]
    events, assembler = fed(unexpected + sent(3) + later(unexpected, 1) + later(sent(3), CYCLE_S))
    assert [type(each) for each in events] == [Start, Record, Start, Record]
    assert assembler.dropped == {INCOMPLETE: 4}


@pytest.mark.parametrize("place", range(18))
def test_a_frame_that_comes_twice_costs_nothing(place):
    """As a bus delivers it whose acknowledgement was lost."""
    frames = sent(3)
    events, assembler = fed(frames[: place + 1] + frames[place:])
    assert len([each for each in events if isinstance(each, Record)]) == 1
    assert assembler.dropped == {}


@pytest.mark.parametrize("ahead", range(1, 11))
def test_bursts_of_two_batteries_of_one_number_are_dropped_where_they_overlap(ahead):
    """Whatever of the second one is lost, no record has parts of both."""
    one, other = sent(3), sent(3, battery_soc=1, cell_voltages=[1000] * 16)
    mixed = one[:ahead]
    for each, of_other in zip(one[ahead:], other, strict=False):
        mixed += [of_other, each]
    for lost in range(len(mixed)):
        events, assembler = fed(mixed[:lost] + mixed[lost + 1 :])
        for each in events:
            if isinstance(each, Record):
                found = decode(each)
                assert (found["battery_soc"] == 1) == (found["cell_voltages"] == [1000] * 16)
    _, assembler = fed(mixed)
    assert assembler.dropped[OVERLAPPING] >= 1
    assert assembler.overlaps == {3: assembler.dropped[OVERLAPPING]}


def test_cells_never_go_with_a_status_that_began_behind_them():
    """The other battery's STATUS comes first on the wire, for its arbitration id is lower."""
    one, other = sent(3), sent(3, battery_soc=1, cell_voltages=[1000] * 16)
    at = STATUS_FRAMES + 2
    events, _ = fed(one[:at] + other[:STATUS_FRAMES] + one[at:] + other[STATUS_FRAMES:])
    found = [decode(each)["battery_soc"] for each in events if isinstance(each, Record)]
    assert found == [decode(fed(each)[0][-1])["battery_soc"] for each in (one, other)]


def test_the_last_marker_of_cells_is_11_and_not_07():
    frames = sent(3)
    can_id, data, time = frames[-1]
    events, _ = fed([*frames[:-1], (can_id, b"\x07" + data[1:], time)])
    assert not any(isinstance(each, Record) for each in events)


@pytest.mark.parametrize("length", [0, 1, 7, 9, 64])
def test_a_frame_that_is_not_eight_bytes_long_is_ignored(length):
    can_id, data, time = sent(3)[0]
    events, assembler = fed([(can_id, (data * 8)[:length], time)])
    assert events == []
    assert assembler.dropped == {}


@pytest.mark.parametrize("can_id", [0x100, 0x110, 0x600, 0x610, 0x201, 0x10101, 0x80000101, -1])
def test_ids_of_no_battery_are_ignored(can_id):
    frames = [(can_id, data, time) for _, data, time in sent(1)]
    assert fed(frames)[0] == []


def test_a_payload_that_names_another_battery_is_dropped_and_counted_once():
    frames = [(can_id + 1, data, time) for can_id, data, time in sent(3)]
    events, assembler = fed(frames)
    assert [each for each in events if isinstance(each, Record)] == []
    assert assembler.dropped == {WRONG_NUMBER: 1, NO_STATUS: 1}


def test_cells_without_status_are_dropped_but_show_a_burst():
    """The cycle must know that the battery had its turn."""
    cells = sent(3)[STATUS_FRAMES:]
    events, assembler = fed(cells)
    assert events == [Start(3)]
    assert assembler.started == cells[-1][2]
    assert assembler.dropped == {NO_STATUS: 1}


def test_cells_behind_a_broken_status_are_no_second_burst():
    frames = sent(3)
    del frames[5]
    assert fed(frames)[0] == [Start(3)]


def test_a_status_is_used_once():
    frames = sent(3)
    events, assembler = fed(frames + later(frames[STATUS_FRAMES:], 0.6))
    assert [type(each) for each in events] == [Start, Record, Start]
    assert assembler.dropped == {NO_STATUS: 1}


@pytest.mark.parametrize(("age", "records"), [(0.4, 1), (0.6, 0), (CYCLE_S, 0), (3600, 0)])
def test_a_status_goes_with_cells_half_a_second_later_at_most(age, records):
    frames = sent(3)
    events, assembler = fed(frames[:STATUS_FRAMES] + later(frames[STATUS_FRAMES:], age))
    assert len([each for each in events if isinstance(each, Record)]) == records
    assert assembler.dropped[STALE] == 1 - records


@pytest.mark.parametrize("cut", [3, STATUS_FRAMES + 3])
def test_a_block_is_never_made_of_two_cycles(cut):
    """Lost from the middle of one burst to the middle of the next: the markers still fit."""
    frames = sent(3)[:cut] + later(sent(3, battery_soc=1), CYCLE_S)[cut:]
    events, assembler = fed(frames)
    assert not any(isinstance(each, Record) for each in events)
    assert assembler.dropped[STALE] == 1


@pytest.mark.parametrize("step", [-3600.0, -1.0, 1.0, 31_536_000.0])
@pytest.mark.parametrize("at", range(18))
def test_a_step_of_the_clock_costs_one_reading_at_most(step, at):
    first, second, third = ([*sent(3)], later(sent(3), CYCLE_S), later(sent(3), 2 * CYCLE_S))
    frames = first + second[:at] + later(second[at:] + third, step)
    events, _ = fed(frames)
    assert len([each for each in events if isinstance(each, Record)]) >= 2


def test_a_status_never_waits_past_the_next_burst_whatever_the_clock_does():
    """Its CELLS are lost, the clock is set back, and the next STATUS has a hole."""
    frames = sent(3)[:STATUS_FRAMES] + later(sent(3, battery_soc=1)[1:], CYCLE_S - 0.9)
    events, _ = fed(frames)
    assert not any(isinstance(each, Record) for each in events)


def test_all_fifteen_batteries_are_heard():
    frames = [frame for burst in cycles(list(range(1, 16)), 1) for frame in burst]
    events, _ = fed(frames)
    assert [each.battery for each in events if isinstance(each, Record)] == list(range(1, 16))


ANY_FRAMES = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(sorted(OUR_IDS)), st.integers(-1, 2**32)),
        st.one_of(
            st.binary(min_size=8, max_size=8),
            st.builds(
                lambda marker, rest: bytes([marker]) + rest,
                st.sampled_from([*range(1, 12), 0x11]),
                st.binary(min_size=7, max_size=7),
            ),
            st.binary(max_size=65),
        ),
        st.floats(allow_nan=True),
    ),
    max_size=200,
)


@given(ANY_FRAMES)
def test_no_frames_at_all_make_it_raise(frames):
    fed(frames)


@st.composite
def lossy_bus(draw):
    """Cycles of a few batteries whose frames are merged and lost, and whose clock steps."""
    batteries = draw(st.lists(st.integers(1, 15), min_size=1, max_size=4, unique=True))
    count = draw(st.integers(1, 4))
    random = Random(draw(st.integers(0, 2**32)))
    loss = draw(st.sampled_from([0.0, 0.05, 0.3, 0.7]))
    step = draw(st.sampled_from([0.0, 0.0, 3600.0, -3600.0]))
    gap = draw(st.integers(0, 60))
    at = draw(st.integers(0, count * len(batteries) * 18))
    frames = []
    for cycle in range(count):
        # The same serial in both blocks would hide a mix: each burst has its own values.
        queues = [
            sent(
                battery,
                START + cycle * CYCLE_S,
                lifetime_discharge_energy=cycle,
                cell_voltages=[1000 * (cycle + 1) + battery] * 16,
            )
            for battery in batteries
        ]
        while queues:
            queue = random.choice(queues)
            frames.append(queue.pop(0))
            queues = [each for each in queues if each]
    del frames[at : at + gap]
    frames = frames[:at] + later(frames[at:], step)
    return [frame for frame in frames if random.random() >= loss]


@given(lossy_bus())
def test_any_interleaving_and_loss_yields_only_what_one_battery_sent_in_one_cycle(frames):
    seen = set()
    for event in fed(frames)[0]:
        if isinstance(event, Record):
            reading = decode(event)
            cycle = reading["lifetime_discharge_energy"]
            battery = reading["battery_number"]
            assert event.battery == battery
            assert reading["cell_voltages"] == [1000 * (cycle + 1) + battery] * 16
            assert (battery, cycle) not in seen
            seen.add((battery, cycle))


def test_a_foreign_device_that_floods_the_cells_ids_costs_no_memory():
    """Not one byte a frame; and it never looks like a battery's burst."""
    random = Random(1)
    assembler = Assembler()

    def flood(frames):
        for _ in range(frames):
            can_id = 0x600 + random.randrange(16)
            data = bytes([random.choice([1, 2, 3, 0x11])]) + random.randbytes(7)
            yield can_id, data, START

    list(assembler.events(flood(2000)))
    before = sys.getallocatedblocks()
    assert list(assembler.events(flood(50_000))) == []
    assert sys.getallocatedblocks() - before < 1000


def test_the_oldest_and_the_newest_of_a_burst_are_of_one_cycle():
    assert MAX_AGE_S < CYCLE_S / 2
