"""Many small counters in one great number count as each alone would."""

from __future__ import annotations

import sys
import tracemalloc
from array import array

from eflexcan2mqtt.explore.changes import ChangeTally


def one_number(counters):
    return int.from_bytes(array("I", counters).tobytes(), sys.byteorder)


def test_a_tally_counts_far_without_growing():
    """Of a byte that is noise, 14 batteries bring 50,000 changes in an hour."""
    lanes = [1, 0, 1] * 1000
    row, other = one_number(lanes), one_number([0, 0, 1] * 1000)
    tally = ChangeTally(len(lanes))
    used = []
    tracemalloc.start()
    for _ in range(3):
        for _ in range(30_000):
            tally.add(row)
            tally.add(other)
        used.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert list(tally.totals()) == [90_000, 0, 180_000] * 1000
    assert used[-1] - used[0] < 1000
