"""Many small counters in one great number count as each alone would."""

from __future__ import annotations

import sys
from array import array

from eflexcan2mqtt.explore.changes import ChangeTally


def test_a_tally_counts_beyond_what_a_counter_holds():
    tally = ChangeTally(3)
    row = int.from_bytes(array("H", [1, 0, 1]).tobytes(), sys.byteorder)
    other = int.from_bytes(array("H", [0, 0, 1]).tobytes(), sys.byteorder)
    for _ in range(70_000):
        tally.add(row)
        tally.add(other)
    assert list(tally.totals()) == [70_000, 0, 140_000]
