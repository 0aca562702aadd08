"""The bytes and bits that no field claims."""

from __future__ import annotations

from eflexcan2mqtt.protocol.blocks import CELLS, STATUS
from eflexcan2mqtt.protocol.unclaimed import UNCLAIMED

RELAY_BITS = 0b0000_1011


def test_no_field_claims_these():
    found = {
        block: [each.offset for each in UNCLAIMED if each.block is block]
        for block in (STATUS, CELLS)
    }
    assert found[STATUS] == [
        *(7, 12, 13, 18, 19, 20, 39, 56, 57, 58, 59, 60, 61, 62),
        *(63, 64, 65, 66, 67, *range(70, 77)),
    ]
    assert found[CELLS] == [*range(32, 42), 48]
    assert {each.offset: each.mask for each in UNCLAIMED if each.mask != 0xFF} == {
        7: 0xFF & ~RELAY_BITS
    }


def test_places_are_as_candump_shows_them():
    shown = {(each.block.name, each.offset): str(each) for each in UNCLAIMED}
    assert shown["STATUS", 12] == "STATUS 02.6"
    assert shown["STATUS", 56] == "STATUS 09.1"
    assert shown["CELLS", 48] == "CELLS 11.7"
