"""Few changes together are no claim, however rarely chance would bring them together."""

from __future__ import annotations

from eflexcan2mqtt.explore.changes import EPISODE, ChangeSignal, SignedChanges, Track
from eflexcan2mqtt.explore.known import KNOWN
from eflexcan2mqtt.explore.verdict import associations

SIGNAL = ChangeSignal(0)


def claimed(cycles, moments):
    """Whether a signal is claimed to follow the only number that changes, at these moments."""
    changes, track = SignedChanges(), Track()
    now = [0] * len(KNOWN)
    for cycle in range(cycles):
        before = list(now)
        unknown = []
        if cycle in moments:
            now[0] ^= 1
            unknown.append((SIGNAL, bool(now[0])))
        changes.step(track, cycle, (before, now), unknown)
    changes.end(track)
    return associations(changes)[SIGNAL][0].claimed


def test_three_episodes_are_too_few():
    assert not claimed(20_000, {1000, 5000, 11_000})
    assert claimed(20_000, {1000, 5000, 11_000, 12_000})


def test_a_burst_counts_once():
    bursts = {start + at for start in (1000, 5000, 11_000) for at in range(EPISODE)}
    assert not claimed(20_000, bursts)
