"""Readings of a calm bank and what is changed in them, for triggers."""

from __future__ import annotations

from tests.support.bank import FULL

START = 1_780_315_200
CALM = {
    **{"alarm_level_1": 0, "alarm_level_2": 0, "alarm_level_3": 0},
    **{"alarm_bits_1": [], "alarm_bits_2": [], "alarm_bits_3": []},
    **{"charge_relay_status": "Make", "discharge_relay_status": "Make"},
    "precharge_relay_status": "Break",
}


def reading(number=3, at=0, byte=None, **changes):
    """A reading; ``byte`` is the value of STATUS 06.5, at offset 39, which no field claims."""
    raw = bytearray.fromhex(FULL[0]["raw_status"])
    if byte is not None:
        raw[39] = byte
    return {
        **FULL[0],
        **CALM,
        **{"battery_number": number, "time": START + at, "raw_status": raw.hex()},
        **changes,
    }


def found(triggers, *readings):
    return [(each.kind, each.text) for each in triggers.cycle(list(readings))]
