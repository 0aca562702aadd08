"""What feeds an Attention, a second at a time, and a case for each kind of finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from eflexcan2mqtt.protocol.attention import Attention, Changes
from eflexcan2mqtt.protocol.circumstances import Circumstances
from eflexcan2mqtt.protocol.limits import LIMITS
from eflexcan2mqtt.protocol.loss import Loss
from tests.support.bank import FULL, START

FIRST = int(START)
KINDS = [each.kind for each in LIMITS]
limit = {each.kind: each for each in LIMITS}.__getitem__
FLAT = [3300] * 16

Feed = Callable[[Attention, float], Changes]
PRESENCE = {"missing", "stale"}
STRICT = [each if each.kind in PRESENCE else replace(each, after_s=0) for each in LIMITS]
"""What passes, too, is a finding."""


def battery(number=1, **changes):
    """An idle, healthy battery at 71 %, but for the changes."""
    return {
        **FULL[0],
        "battery_number": number,
        "battery_id": f"2211054F{number:04d}",
        "time": FIRST,
        **changes,
    }


def cycle(*batteries) -> Feed:
    """A second with a cycle of these batteries."""
    return lambda attention, now: attention.cycle(
        [{**each, "time": FIRST + round(now)} for each in batteries], now
    )


def tick(**circumstances) -> Feed:
    """A second with nothing but these circumstances."""
    return lambda attention, now: attention.tick(Circumstances(**circumstances), now)


def both(*feeds: Feed) -> Feed:
    def feed(attention, now):
        changes = [each(attention, now) for each in feeds]
        return Changes(
            [b for each in changes for b in each.begun], [e for each in changes for e in each.ended]
        )

    return feed


def cells(deviation, **changes):
    """A battery whose cell 7 deviates by so many mV."""
    return battery(3, cell_voltages=[*FLAT[:6], 3300 + deviation, *FLAT[7:]], **changes)


def probes(low, high):
    return battery(9, min_temp=low, max_temp=high, min_temp_num=2, max_temp_num=6)


def loaded(*amps):
    return cycle(*(battery(number, battery_current=each) for number, each in enumerate(amps, 1)))


def others(**changes):
    """Two healthy batteries, and number 5 with these changes."""
    return cycle(battery(1), battery(2), battery(5, **changes))


class Case(NamedTuple):
    """What a finding says; what begins it, what does not end it yet, and what ends it."""

    sentence: str
    beyond: Feed
    within: Feed | None
    fine: Feed


FINE = cycle(battery(1), battery(3), battery(9))
CASES = {
    "alarm_1": Case(
        "Battery 5: alarm level 1, alarm word 0x0140",
        others(alarm_status="1", alarm_level_1=0x140, alarm_level_2=1),
        None,
        others(),
    ),
    "alarm_2": Case(
        "Battery 5: alarm level 2, alarm word 0x1000",
        others(alarm_status="2", alarm_level_2=0x1000),
        None,
        others(alarm_status="3", alarm_level_3=8),
    ),
    "relay_open": Case(
        "Battery 5: the charge relay is open",
        others(charge_relay_status="Break"),
        None,
        others(precharge_relay_status="Break"),
    ),
    "missing": Case(
        "Battery 5: no reading, while others send",
        both(cycle(battery(1), battery(2))),
        None,
        others(),
    ),
    "stale": Case(
        "can0: no such device",
        tick(problem="can0: no such device"),
        None,
        both(FINE, tick()),
    ),
    "voltage_apart": Case(
        "Batteries 5 and 1 are apart: they have 52.5 and 53.1 V; do not connect them",
        others(battery_voltage=52.5),
        others(battery_voltage=52.6),
        others(battery_voltage=52.7),
    ),
    "temperature_high": Case(
        "Battery 9: probe 6 has 45 °C",
        cycle(probes(40, 45)),
        cycle(probes(40, 42)),
        cycle(probes(40, 41)),
    ),
    "temperature_low": Case(
        "Battery 9: probe 2 has 0 °C",
        cycle(probes(0, 3)),
        cycle(probes(2, 3)),
        cycle(probes(3, 3)),
    ),
    "temperature_spread": Case(
        "Battery 9: its probes have 20 to 28 °C",
        cycle(probes(20, 28)),
        cycle(probes(20, 26)),
        cycle(probes(20, 25)),
    ),
    "cell_spread": Case(
        "Battery 3: cell 7 is 50 mV below the median of its battery, the spread is 50 mV",
        cycle(cells(-50)),
        cycle(cells(-40)),
        cycle(cells(-39)),
    ),
    "cell_spread_full": Case(
        "Battery 3: cell 7 is 300 mV above the median of its battery, the spread is 300 mV",
        cycle(cells(300, battery_soc=99, battery_current=30.0)),
        cycle(cells(240, battery_soc=99, battery_current=30.0)),
        cycle(cells(239, battery_soc=99, battery_current=30.0)),
    ),
    "soc_apart": Case(
        "Batteries 5 and 1 are apart: they have 46 and 71 % charge",
        others(battery_soc=46),
        others(battery_soc=51),
        others(battery_soc=52),
    ),
    "share_low": Case(
        "Battery 3: its current of -7.0 A is 46 % of the mean",
        loaded(-19.0, -19.5, -7.0),
        loaded(-19.0, -17.0, -9.0),
        loaded(-18.0, -17.0, -10.0),
    ),
    "share_high": Case(
        "Battery 4: its current of 27.0 A is 212 % of the mean",
        loaded(8.0, 8.0, 8.0, 27.0),
        loaded(8.0, 8.0, 8.0, 22.0),
        loaded(15.0, 15.0, 15.0, 15.0),
    ),
    "lossy": Case(
        "The bus is lossy: 12 % of the bursts are incomplete, all those of number 7",
        both(FINE, tick(lossy=Loss(0.12, (7,)))),
        None,
        both(FINE, tick()),
    ),
    "two_batteries": Case(
        "Two batteries send as number 3, 7",
        both(FINE, tick(two_batteries=(3, 7))),
        None,
        both(FINE, tick()),
    ),
    "broker_away": Case(
        "The broker is away",
        both(FINE, tick(broker_away=True)),
        None,
        both(FINE, tick(broker_away=False)),
    ),
}


class Fed:
    """An Attention that is fed once a second, and when what began and ended."""

    def __init__(self, limits=LIMITS):
        self.attention = Attention(limits)
        self.now = 0.0
        self.begun: list[tuple[float, str]] = []
        self.ended: list[tuple[float, str]] = []

    def feed(self, feed, seconds):
        for _ in range(round(seconds)):
            begun, ended = feed(self.attention, self.now)
            self.begun += [(self.now, each.kind) for each in begun]
            self.ended += [(self.now, each.kind) for each in ended]
            self.now += 1.0
        return self

    @property
    def kinds(self):
        return [each.kind for each in self.attention.findings]


def found(kind):
    """Fed until a finding of this kind has begun."""
    case = CASES[kind]
    fed = Fed().feed(case.fine, 10).feed(case.beyond, limit(kind).after_s + 1)
    assert kind in fed.kinds
    return fed
