"""Recordings of a healthy bank of three batteries, in which something can be planted."""

from __future__ import annotations

from eflexcan2mqtt.protocol.blocks import CYCLE_S
from eflexcan2mqtt.protocol.evidence.tally import Tally
from eflexcan2mqtt.sources.recording import Recording
from tests.support.bank import CAPTURES, START, decoded, sent

BATTERIES = (1, 2, 3)
CYCLES = 3
BLOCKS = ("status", "cells")

LOSSY = CAPTURES / "lost_frames.log"
HEALTHY = {
    **decoded(Recording(str(LOSSY)))[0][0],
    "batteries_in_system": len(BATTERIES),
}
"""A reading that keeps every rule."""


def recorded(everywhere=None, here=None, at=None, edit=None, order=BATTERIES, cycles=CYCLES):
    """The frames of some cycles.

    ``everywhere`` are changes of all readings, ``here`` of the burst ``at`` a cycle and a battery;
    under "status" and "cells" are bytes by their offset.  ``edit`` takes the frames of that burst
    and returns others.
    """
    frames = []
    for cycle in range(cycles):
        for place, battery in enumerate(order):
            there = (cycle, battery) == at
            time = START + cycle * CYCLE_S + place * 0.02
            burst = sent(battery, time, **_changed(everywhere, here if there else None))
            frames += edit(burst) if there and edit else burst
    return frames


def _changed(*changes):
    reading = {key: value for key, value in HEALTHY.items() if key != "battery_number"}
    for key in BLOCKS:
        payload = bytearray.fromhex(reading[f"raw_{key}"])
        for each in changes:
            for offset, value in (each or {}).get(key, {}).items():
                payload[offset] = value
        reading[f"raw_{key}"] = payload.hex()
    for each in changes:
        reading |= {key: value for key, value in (each or {}).items() if key not in BLOCKS}
    return reading


def judged(*recordings):
    """The report on recordings; each is a list of events."""
    tally = Tally()
    for number, events in enumerate(recordings, 1):
        tally.add(f"{number}.log", events)
    return tally.report()


def counts(report):
    """(held, met) of each rule that was met."""
    return {each["rule"]: (each["held"], each["met"]) for each in report["rules"] if each["met"]}


def broken(report):
    """The rules with exceptions."""
    return {each["rule"] for each in report["rules"] if each["held"] < each["met"]}


def never_met(report):
    return {each["rule"] for each in report["rules"] if not each["met"]}
