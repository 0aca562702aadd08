"""The frames of the last two minutes, packed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.blocks import OUR_IDS, Silence
from eflexcan2mqtt.sinks.recorder.ring import BEFORE_S, MOST_FRAMES, Ring
from tests.support.bank import cycles, sent

FRAMES = st.tuples(
    st.sampled_from(sorted(OUR_IDS)), st.binary(min_size=8, max_size=8), st.floats(0, 4e9)
)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def frames(chunks):
    return [frame for chunk in chunks for frame in chunk.frames()]


def heard(ring, batches):
    """The ring overhears them all, and passes them on."""
    batches = list(batches)
    assert list(ring.overhear(batches)) == batches


@given(st.lists(st.lists(FRAMES | st.just(Silence.SECOND), max_size=40), max_size=40))
def test_what_is_overheard_comes_back_as_it_was_without_the_silence(batches):
    ring = Ring(Clock())
    heard(ring, batches)
    expected = [each for batch in batches for each in batch if each is not Silence.SECOND]
    assert frames(ring.since(0)[0]) == expected


def test_it_forgets_what_is_older_than_two_minutes():
    clock = Clock()
    ring = Ring(clock)
    for second in range(300):
        clock.now = 1000.0 + second
        heard(ring, [sent(1, clock.now)])
        ring.pack()
    times = [time for _, _, time in frames(ring.since(0)[0])]
    assert int(times[0]) == int(clock.now - BEFORE_S)
    assert int(times[-1]) == int(clock.now)


def test_the_frames_behind_a_moment_are_all_that_came_since():
    ring = Ring(Clock())
    heard(ring, [sent(1)])
    before, packed = ring.since(0)
    assert ring.since(packed) == ([], packed)
    heard(ring, [sent(2)])
    after, _ = ring.since(packed)
    assert (frames(before), frames(after)) == (sent(1), sent(2))


def test_the_frames_behind_a_moment_that_is_forgotten_are_those_that_are_left():
    clock = Clock()
    ring = Ring(clock)
    _, packed = ring.since(0)
    heard(ring, [sent(1)])
    ring.pack()
    clock.now += BEFORE_S + 1
    heard(ring, [sent(2)])
    assert frames(ring.since(packed)[0]) == sent(2)


def test_more_than_a_bus_can_carry_is_not_kept():
    ring = Ring(Clock())
    batch = [frame for frames in cycles(list(range(1, 15)), 4) for frame in frames]
    heard(ring, [batch] * (2 * MOST_FRAMES // len(batch)))
    assert MOST_FRAMES - 2 * len(batch) < len(frames(ring.since(0)[0])) <= MOST_FRAMES


def test_two_minutes_of_14_batteries_need_less_than_700_kb():
    clock = Clock()
    ring = Ring(clock)
    for second in range(int(BEFORE_S)):
        clock.now = 1000.0 + second
        heard(ring, cycles(list(range(1, 15)), 1, clock.now))
    chunks, _ = ring.since(0)
    assert len(frames(chunks)) == BEFORE_S * 14 * 18
    size = sum(len(part) * part.itemsize for each in chunks for part in (each.ids, each.times))
    assert size + sum(len(each.data) for each in chunks) < 700_000
