"""A healthy bank has no finding: in captures, over a year, and while it becomes full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eflexcan2mqtt.bridge import Bridge
from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.attention import Attention
from eflexcan2mqtt.protocol.blocks import Silence
from eflexcan2mqtt.protocol.circumstances import Circumstances
from eflexcan2mqtt.protocol.decode import decode
from eflexcan2mqtt.sources.recording import Recording
from eflexcan2mqtt.sources.simulated_bank import Bank
from tests.protocol.attention_feeds import FIRST, STRICT
from tests.support.bank import CAPTURES, CYCLE_S

FOLDERS = [CAPTURES, *(Path(each) for each in [os.environ.get("EFLEX_CAPTURES", "")] if each)]
LOGS = [log for folder in FOLDERS for log in sorted(folder.glob("*.log"))]


def begun_in(frames):
    """What begins while frames are played, with a tick after each second, as on a bus."""
    attention, begun, now = Attention(STRICT), [], 0.0

    def publish(cycle):
        begun.extend(attention.cycle(cycle, now).begun)

    bridge = Bridge(publish)

    def events():
        nonlocal now
        for frame in frames:
            if frame is Silence.SECOND:
                now += 1.0
            ticked, now = now or frame[2], max(now, frame[2])
            while now - ticked >= 1.0:
                ticked += 1.0
                begun.extend(attention.tick(bridge.bus(), ticked).begun)
            yield frame

    bridge.run(events())
    begun.extend(attention.tick(bridge.bus(), now).begun)
    return begun


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_a_capture_of_a_healthy_bank_has_no_finding(log):
    assert begun_in(Recording(str(log))) == []


def readings_of(bank, seconds, now):
    """The next cycle of a simulated bank."""
    blocks = enumerate(bank.step(seconds), 1)
    return [decode(Record(number, *each, FIRST + round(now))) for number, each in blocks]


def test_a_healthy_bank_has_no_finding_the_whole_year():
    """A cycle each 5000 s, thus at other times of each day."""
    bank, attention = Bank(2, seed=1), Attention(STRICT)
    socs = set()
    for now in range(0, 366 * 86_400, 5000):
        readings = readings_of(bank, 5000.0, now)
        socs |= {each["battery_soc"] for each in readings}
        assert attention.cycle(readings, now) == ([], [])
        assert attention.tick(Circumstances(), now + 1) == ([], [])
    assert (min(socs) < 10, max(socs)) == (True, 100)


@pytest.mark.parametrize(("batteries", "seed"), [(10, 1), (14, 2), (15, 1)])
def test_a_healthy_bank_has_no_finding_while_its_batteries_become_full(batteries, seed):
    """There the voltage of a battery on its own rises steeply; in parallel all have one."""
    bank, attention = Bank(batteries, seed), Attention(STRICT)
    while min(each["battery_soc"] for each in readings_of(bank, 120.0, 0)) < 94:
        pass
    socs = set()
    for count in range(0, 400, 4):
        readings = readings_of(bank, 4 * CYCLE_S, count * CYCLE_S)
        socs |= {each["battery_soc"] for each in readings}
        assert attention.cycle(readings, count * CYCLE_S) == ([], [])
    assert {95, 98} <= socs
