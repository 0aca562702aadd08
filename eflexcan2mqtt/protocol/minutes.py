"""Cycles in, minutes out: what history keeps of each battery and of the bank. No I/O, no clock.

All numbers are whole, so that they need little room; SCALES says what was multiplied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from operator import itemgetter, mul, sub
from typing import NamedTuple, TypeAlias

from .energy import LONGEST_S, recent
from .reading import Reading

MINUTE_S = 60

BANK_NUMBER = 0
"""Stands for the bank where batteries have their numbers."""

SCALES = {"soc": 10, "voltage": 100, "current": 10}
"""Tenths of %, hundredths of V, tenths of A."""

_CELLS = 16

_Sample: TypeAlias = tuple[int, int, str, int, float, float, int, int, list[int]]
_Latest: TypeAlias = tuple[int, int, float, float]
_Totals: TypeAlias = tuple[int, float, float, float, float]

# What a minute needs of a reading; the rest is done once a minute, which takes half as long.
_sampled = itemgetter(
    *("time", "battery_number", "battery_id"),
    *("battery_soc", "battery_voltage", "battery_current"),
    *("min_temp", "max_temp", "cell_voltages"),
)
_time = itemgetter(0)


class Minute(NamedTuple):
    """A minute of a battery, or of the bank if ``battery`` is BANK_NUMBER.

    ``time`` is in minutes since 1970, ``seconds`` is how much of it there are readings of.  Means
    have plain names.  Power is in W and energy in J; temperatures are in °C.  The cells are as
    ``packed`` makes them.
    """

    time: int
    battery: int
    seconds: int
    soc: int
    soc_min: int
    soc_max: int
    voltage: int
    voltage_min: int
    voltage_max: int
    current: int
    current_min: int
    current_max: int
    power_min: int
    power_max: int
    energy_in: int
    energy_out: int
    temperature_min: int
    temperature_max: int
    cell_min: int
    cell_max: int


class Minutes:
    """Collects cycles; a minute begins with the first cycle in it, by the times of the frames.

    ``time`` is that of the latest cycle, in seconds since 1970; 0 before the first.  Each cycle
    adds a sample of the bank, made of the latest recent reading of each battery, as in Energy:
    a battery is still there if its burst is lost.  The parts of a split cycle add one sample.
    """

    def __init__(self) -> None:
        self.time = 0
        self._minute: int | None = None
        self._cycles: list[list[_Sample]] = []  # of the minute
        self._latest: dict[str, _Latest] = {}  # by battery_id
        self._before: dict[int, int] = {}  # the times of the last samples of the minute before

    def cycle(self, cycle: list[Reading]) -> list[Minute]:
        """Take a cycle that is not empty; return the minutes that are over by it."""
        samples: list[_Sample] = list(map(_sampled, cycle))
        time = max(map(_time, samples))
        minute = time // MINUTE_S
        ended = self.end() if minute != self._minute else []
        self.time, self._minute = time, minute
        self._cycles.append(samples)
        return ended

    def end(self) -> list[Minute]:
        """Return what was collected; there may be more of the same minute later."""
        minute, self._minute = self._minute, None
        cycles, self._cycles = self._cycles, []
        if minute is None:
            return []
        batteries: defaultdict[int, list[_Sample]] = defaultdict(list)
        for sample in chain.from_iterable(cycles):
            batteries[sample[1]].append(sample)
        ended = [self._battery(minute, number, each) for number, each in batteries.items()]
        times, soc, volts, amps, watts = zip(*self._bank(cycles), strict=True)
        colds, hots, lows, highs = zip(*(each[-4:] for each in ended), strict=True)
        extremes = (min(colds), max(hots), min(lows), max(highs))
        ended.append(self._made(minute, BANK_NUMBER, times, soc, volts, amps, watts, extremes))
        return ended

    def _bank(self, cycles: Iterable[list[_Sample]]) -> list[_Totals]:
        """The samples of the bank."""
        found: list[_Totals] = []
        in_sample: set[str] = set()  # whose readings came with the last of them
        for samples in cycles:
            times, _, names, soc, volts, amps, *_ = zip(*samples, strict=True)
            time = max(times)
            self._latest.update(zip(names, zip(repeat(time), soc, volts, amps), strict=True))
            # Two batteries with one number split a cycle; a second sample would count twice.
            if found and found[-1][0] == time and in_sample.isdisjoint(names):
                found.pop()
            else:
                in_sample.clear()
            in_sample.update(names)
            held = [each for each in self._latest.values() if recent(each[0], time)]
            _, soc, volts, amps = zip(*held, strict=True)
            watts = sum(map(mul, volts, amps))
            found.append((time, sum(soc) / len(held), sum(volts) / len(held), sum(amps), watts))
        # Memory is bounded, whatever ids there were.
        self._latest = {
            name: each for name, each in self._latest.items() if recent(each[0], self.time)
        }
        return found

    def _battery(self, minute: int, number: int, samples: list[_Sample]) -> Minute:
        times, _, _, soc, volts, amps, colds, hots, cells = zip(*samples, strict=True)
        lowest, highest = min(cells, key=min), max(cells, key=max)
        low, high = min(lowest), max(highest)
        extremes = (
            *(min(colds), max(hots)),
            packed(low, number, lowest.index(low) + 1),
            packed(high, number, highest.index(high) + 1),
        )
        watts = tuple(map(mul, volts, amps))
        return self._made(minute, number, times, soc, volts, amps, watts, extremes)

    def _made(  # noqa: PLR0913, PLR0917 (the columns)
        self,
        minute: int,
        number: int,
        times: Sequence[int],
        soc: Sequence[float],
        volts: Sequence[float],
        amps: Sequence[float],
        watts: Sequence[float],
        extremes: tuple[int, int, int, int],
    ) -> Minute:
        seconds = max(_seconds((self._before.get(number, 0), *times)), 1)
        self._before[number] = times[-1]
        joules = seconds / len(watts) * sum(watts)
        joules_both_ways = seconds / len(watts) * sum(map(abs, watts))
        return Minute(
            *(minute, number, seconds),
            *_span(soc, SCALES["soc"]),
            *_span(volts, SCALES["voltage"]),
            *_span(amps, SCALES["current"]),
            *(round(min(watts)), round(max(watts))),
            round((joules_both_ways + joules) / 2),
            round((joules_both_ways - joules) / 2),
            *extremes,
        )


def _seconds(times: Sequence[int]) -> int:
    """How long there were readings since the first of these; a pause counts as a second."""
    gaps = map(sub, times[1:], times)
    return sum(each if 0 <= each <= LONGEST_S else 1 for each in gaps)


def packed(mv: int, battery: int, cell: int) -> int:
    """A cell's voltage and its place, so that the least of these numbers is the lowest cell."""
    return (mv << 8) + (battery << 4) + cell - 1


def unpacked(number: int) -> tuple[int, int, int]:
    """The mV, the battery and the cell, which counts from 1."""
    return number >> 8, (number >> 4) % _CELLS, number % _CELLS + 1


def _span(values: Sequence[float], scale: int) -> tuple[int, int, int]:
    """Mean, minimum and maximum."""
    mean = sum(values) / len(values)
    return round(scale * mean), round(scale * min(values)), round(scale * max(values))
