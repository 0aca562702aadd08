"""The bytes that no field claims."""

from __future__ import annotations

from eflexcan2mqtt.protocol.blocks import BLOCKS, CELLS, STATUS
from eflexcan2mqtt.protocol.unclaimed import UNCLAIMED, place, runs


def test_no_field_claims_these():
    assert UNCLAIMED[STATUS] == (
        *(12, 13, 18, 19, 20, 39, 56, 57, 58, 59, 60, 61, 62),
        *(63, 64, 65, 66, 67, *range(70, 77)),
    )
    assert UNCLAIMED[CELLS] == (*range(32, 42), 48)


def test_places_are_as_candump_shows_them():
    assert place(STATUS, 12) == "STATUS 02.6"
    assert place(STATUS, 56) == "STATUS 09.1"
    assert place(CELLS, 48) == "CELLS 11.7"


def test_runs_are_the_same_bytes():
    for block in BLOCKS:
        assert [at for run in runs(block) for at in run] == list(UNCLAIMED[block])
    assert runs(CELLS) == [range(32, 42), range(48, 49)]
