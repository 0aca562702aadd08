"""What ``--faults`` names in, faults of a simulated bank out; ValueError says what was expected."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from ..protocol.blocks import CELL_COUNT, Frame
from ..settings.parsers import did_you_mean
from .simulated_reading import Sensed

_COMMA = re.compile(r",(?=\s*(?:[a-z]|$))", re.IGNORECASE)  # not that of 'missing:4,5@10s'
_EACH = re.compile(r"(\w+)\s*((?::[^:@]*)*)@([^-]+)(?:-(.+))?")
_TIME = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhd]?)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}

EXAMPLE = "relay_open:3@60s, cell_low:7:12@2m-10m, lossy:2%@200s"

CELL_MV = (0, 0xFFFF)
PROBE_C = (-39, 215)
"""What a battery can send; -40 °C would be a probe that is not fitted."""

Effect = Callable[[Sensed, int], None]
"""Changes what a battery measures; it also gets the index of the cell."""


@dataclass(frozen=True)
class Fault:
    """A fault of a battery, of a cell of it, or of the bus, from ``begins_s`` after the start.

    ``battery`` and ``cell`` count from 1; 0 is none.  ``share`` of the frames are lost.
    """

    kind: str
    begins_s: float
    ends_s: float = math.inf
    battery: int = 0
    cell: int = 0
    share: float = 0.0


def _disconnect(sensed: Sensed, _: int) -> None:
    sensed.connected, sensed.current = False, 0.0


def _alarm(level: int) -> Effect:
    def effect(sensed: Sensed, _: int) -> None:
        sensed.alarms[level] |= 1

    return effect


def _cell(mv: int) -> Effect:
    def effect(sensed: Sensed, cell: int) -> None:
        # In parallel the voltage of the battery stays: the other cells share the difference.
        share = round(mv / CELL_COUNT)
        sensed.cells = [each - share for each in sensed.cells]
        sensed.cells[cell] += mv

    return effect


def _warm(celsius: int, probes: slice) -> Effect:
    def effect(sensed: Sensed, _: int) -> None:
        sensed.temps[probes] = [each + celsius for each in sensed.temps[probes]]

    return effect


def _discharged(sensed: Sensed, _: int) -> None:
    sensed.soc = max(0.0, sensed.soc - 40)


def _badly_connected(sensed: Sensed, _: int) -> None:
    sensed.current *= 0.2


def _low(sensed: Sensed, _: int) -> None:
    sensed.cells = [each - 60 for each in sensed.cells]


BATTERY, CELL, PERCENT = "BATTERY", "CELL", "PERCENT"


class FaultKind(NamedTuple):
    """A kind of fault: what follows its name, what it is, and what it does to a measurement.

    Without an ``effect`` it is one of the bus.
    """

    about: tuple[str, ...]
    words: str
    effect: Effect | None = None


_ONE, _ONE_CELL = (BATTERY,), (BATTERY, CELL)

KINDS = {
    "relay_open": FaultKind(_ONE, "the charge and the discharge relay are open", _disconnect),
    "alarm1": FaultKind(_ONE, "the battery has an alarm of level 1", _alarm(1)),
    "alarm2": FaultKind(_ONE, "the battery has an alarm of level 2", _alarm(2)),
    "alarm3": FaultKind(
        _ONE, "the battery has an alarm of level 3, which needs no attention", _alarm(3)
    ),
    "cell_low": FaultKind(_ONE_CELL, "a cell is 470 mV below the others", _cell(-470)),
    "cell_high": FaultKind(_ONE_CELL, "a cell is 470 mV above the others", _cell(470)),
    "hot": FaultKind(_ONE, "the battery is 30 °C warmer", _warm(30, slice(None))),
    "cold": FaultKind(_ONE, "the battery is 40 °C colder", _warm(-40, slice(None))),
    "hot_probe": FaultKind(_ONE, "probe 1 is 10 °C warmer than the others", _warm(10, slice(1))),
    "soc": FaultKind(_ONE, "the battery has 40 points less charge than before", _discharged),
    "share": FaultKind(
        _ONE, "the battery carries a fifth of its share of the current", _badly_connected
    ),
    "voltage": FaultKind(_ONE, "the battery has 1 V less than the others", _low),
    "missing": FaultKind(_ONE, "the battery sends nothing"),
    "silent": FaultKind((), "no battery sends anything"),
    "lossy": FaultKind((PERCENT,), "this share of the frames is lost: 1 % costs every sixth burst"),
}
"""What ``--faults`` can name."""


class Faults:
    """The faults of one bank, each at its time; the same ``seed`` loses the same frames."""

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self._faults = tuple(faults)
        self._random = Random(seed)  # noqa: S311 (noise, not keys)

    def spoil(self, sensed: Sensed, passed_s: float) -> None:
        """Change what a battery measures, so many seconds after the start."""
        for fault in self._at(passed_s):
            effect = KINDS[fault.kind].effect
            if effect and fault.battery == sensed.number:
                effect(sensed, fault.cell - 1)
                # Faults add up.
                sensed.cells = [_within(CELL_MV, each) for each in sensed.cells]
                sensed.temps = [_within(PROBE_C, each) for each in sensed.temps]

    def kept(self, battery: int, frames: Iterable[Frame], passed_s: float) -> Iterable[Frame]:
        """The frames of a battery's burst that reach the bus."""
        present = [each for each in self._at(passed_s) if not KINDS[each.kind].effect]
        if any(each.battery in (0, battery) and not each.share for each in present):
            return ()
        share = max((each.share for each in present), default=0.0)
        return [each for each in frames if self._random.random() >= share] if share else frames

    def _at(self, passed_s: float) -> Iterable[Fault]:
        return (each for each in self._faults if each.begins_s <= passed_s < each.ends_s)


def _within(bounds: tuple[int, int], value: int) -> int:
    low, high = bounds
    return min(max(value, low), high)


def parse(text: str, batteries: int) -> tuple[Fault, ...]:
    """The faults, separated by commas, of a bank of so many batteries."""
    words = [each.strip() for each in _COMMA.split(text)]
    return tuple(_fault(each, batteries) for each in words if each)


def _fault(text: str, batteries: int) -> Fault:
    match = _EACH.fullmatch(text)
    if not match:
        raise ValueError(f"'{text}': expected faults such as '{EXAMPLE}'")
    kind, about, begins, ends = match.groups()
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS)
        raise ValueError(f"'{text}': expected one of {', '.join(KINDS)}{hint}")
    given, names = [each.strip() for each in about.split(":")[1:]], KINDS[kind].about
    if len(given) != len(names):
        form = ":".join((kind, *names))
        raise ValueError(f"'{text}': expected {form}@TIME")
    bounds = {BATTERY: batteries, CELL: CELL_COUNT, PERCENT: 100}
    found = {
        name: _number(text, word, name, bounds[name])
        for name, word in zip(names, given, strict=True)
    }
    fault = Fault(
        *(kind, _time(text, begins), _time(text, ends) if ends else math.inf),
        battery=found.get(BATTERY, 0),
        cell=found.get(CELL, 0),
        share=found.get(PERCENT, 0) / 100,
    )
    if fault.ends_s <= fault.begins_s:
        raise ValueError(f"'{text}': expected an end that is after the beginning")
    return fault


def _number(text: str, word: str, name: str, highest: int) -> int:
    number = word.removesuffix("%") if name == PERCENT else word
    if not re.fullmatch(r"\d{1,3}", number, re.ASCII) or not 1 <= int(number) <= highest:
        raise ValueError(f"'{text}': expected a {name} from 1 to {highest}")
    return int(number)


def _time(text: str, word: str) -> float:
    match = _TIME.fullmatch(word.strip())
    if not match:
        raise ValueError(f"'{text}': expected times such as 90s, 5m or 2h after the start")
    return float(match[1]) * _SECONDS[match[2]]
