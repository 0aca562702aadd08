"""A simulated bank: steps of time in, the two blocks of each battery out. No frames, no clock.

It has the sun and the temperatures of the seasons, and a load that grows in the evening.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from ..protocol.blocks import CELL_COUNT
from ..protocol.values import PROBES
from .simulated_reading import Sensed, charge_limit

CAPACITY_AH = 105.0
CELL_MILLIOHM = 0.6
SUNRISE_H, SUNSET_H = 8.0, 16.0
SUN_A = 36.0
BASE_LOAD_A = 5.0
EVENING_LOAD_A = 9.0
START_HOUR = 9.0

YEAR_DAYS = 365.25
WINTER_SUN = 0.55
"""The share of midsummer's sun that midwinter has."""
SUMMER_C, WINTER_C = 22.0, 8.0

LEVEL_A = 0.5
"""In parallel, a battery takes so much more for each percent of charge that it has less."""

WEAK_SOC, WEAKEST_SOC, DRIFT_DAYS = -1.5, -5.0, 45.0
"""How far behind the weak cell is at first, and in the end, when balancing keeps pace with it."""

IDLE_A = (-0.5, -0.3, -0.3)
"""What the current sensors of idle batteries show, by number: as captured."""

# Open-circuit voltage of a LiFePO4 cell in mV at a state of charge in %.
_OCV = (
    *((0, 2900), (5, 3130), (10, 3200), (20, 3240), (30, 3270), (40, 3290), (60, 3300)),
    *((70, 3320), (90, 3335), (95, 3360), (98, 3400), (100, 3480)),
)
_SOCS = [soc for soc, _ in _OCV]

Spoil = Callable[[Sensed, float], None]
"""Changes what a battery measures, so many seconds after the start."""


@dataclass
class _Simulated:
    """One battery and its state; ``soc`` in %, cell offsets in % of charge."""

    number: int
    serial: str
    soc: float
    share: float
    offsets: list[float]
    probes: list[float]
    weak: int
    energy_wh: float
    current: float = 0.0
    celsius: float = SUMMER_C + 2

    def step(self, moment: _Moment, lacking: float, seconds: float, noise: float) -> None:
        # The charge of the current so far first: the new current keeps to the new limit.
        charged = self.soc + self.current * seconds / 3600 / CAPACITY_AH * 100
        self.soc = min(max(charged, 0.0), 100.0)
        current = moment.bank_current() * self.share + LEVEL_A * lacking + noise
        self.current = max(0.0, current) if self.soc < 8 else min(current, charge_limit(self.soc))
        self.offsets[self.weak] = moment.weak()
        warm = moment.ambient() + 0.004 * self.current**2
        self.celsius += (warm - self.celsius) * min(1.0, seconds / 1800)

    def sensed(self, seconds: float) -> Sensed:
        """What it measures after so long a step."""
        cells = [
            round(_ocv(self.soc + offset) + self.current * CELL_MILLIOHM) for offset in self.offsets
        ]
        sensed = Sensed(
            *(self.number, self.serial, self.soc, self.current + IDLE_A[self.number % 3], cells),
            temps=[round(self.celsius + probe) for probe in self.probes],
            energy_wh=self.energy_wh,
        )
        self.energy_wh += max(0.2, -self.current) * sensed.volts() * seconds / 3600
        return sensed


@dataclass(frozen=True)
class _Moment:
    """A time in days from midsummer, nine in the morning: what sun, house and room do then."""

    day: float

    @property
    def hour(self) -> float:
        return (START_HOUR + self.day * 24) % 24

    def summer(self) -> float:
        """1 in midsummer, when it starts; 0 in midwinter."""
        return (1 + math.cos(self.day / YEAR_DAYS * math.tau)) / 2

    def bank_current(self) -> float:
        """Sun minus load for each battery, in A."""
        light = math.sin((self.hour - SUNRISE_H) / (SUNSET_H - SUNRISE_H) * math.pi)
        season = WINTER_SUN + (1 - WINTER_SUN) * self.summer()
        sun = SUN_A * season * light if SUNRISE_H < self.hour < SUNSET_H else 0.0
        evening = EVENING_LOAD_A * math.exp(-(((self.hour - 20) / 2) ** 2))
        return sun - BASE_LOAD_A - evening

    def ambient(self) -> float:
        """In °C: warmest in the afternoon."""
        mean = WINTER_C + (SUMMER_C - WINTER_C) * self.summer()
        return mean + 3 * math.sin((self.hour - 10) / 24 * math.tau)

    def weak(self) -> float:
        """How far behind the weak cell is, in % of charge."""
        return WEAKEST_SOC + (WEAK_SOC - WEAKEST_SOC) * math.exp(-self.day / DRIFT_DAYS)


class Bank:
    """Batteries that share sun and load; the same seed gives the same values.

    It starts at nine on the morning of a ``day``, counted from midsummer.
    """

    def __init__(
        self, batteries: int, seed: int, day: float = 0.0, spoil: Spoil | None = None
    ) -> None:
        self._random = Random(seed)  # noqa: S311 (weather, not keys)
        self._day = day
        self._passed_s = 0.0
        self._spoil = spoil
        self._batteries = [_make(number, self._random) for number in range(1, batteries + 1)]

    def step(self, seconds: float) -> list[tuple[bytes, bytes]]:
        """Let time pass; return STATUS and CELLS of each battery."""
        moment = _Moment(self._day + self._passed_s / 86_400)
        size = len(self._batteries)
        mean = sum(each.soc for each in self._batteries) / size
        for battery in self._batteries:
            battery.step(moment, mean - battery.soc, seconds, self._random.gauss(0, 0.1))
        sensed = [battery.sensed(seconds) for battery in self._batteries]
        _connect(sensed)
        if self._spoil:
            for each in sensed:
                self._spoil(each, self._passed_s)
        self._passed_s += seconds
        volts = round(sum(each.volts() for each in sensed) / size, 1)
        return [each.payloads(size, volts) for each in sensed]


def _make(number: int, random: Random) -> _Simulated:
    offsets = [random.uniform(-0.4, 0.4) for _ in range(CELL_COUNT)]
    weak = random.randrange(CELL_COUNT)
    return _Simulated(
        number=number,
        serial=f"22{random.randint(1, 12):02d}075E{random.randint(1, 999):04d}",
        soc=random.uniform(57, 63),
        share=random.uniform(0.97, 1.03),
        offsets=offsets,
        probes=[random.uniform(-1.2, 1.2) for _ in range(PROBES - 1)] + [random.uniform(1.5, 2.5)],
        weak=weak,
        energy_wh=random.uniform(140_000, 170_000),
    )


def _connect(batteries: list[Sensed]) -> None:
    """In parallel all have the voltage of the busbar, whatever their charge."""
    busbar = sum(sum(each.cells) for each in batteries) / len(batteries)
    for each in batteries:
        lacking = round((busbar - sum(each.cells)) / CELL_COUNT)
        each.cells = [cell + lacking for cell in each.cells]


def _ocv(soc: float) -> float:
    place = min(max(bisect(_SOCS, soc), 1), len(_OCV) - 1)
    (left, low), (right, high) = _OCV[place - 1 : place + 1]
    return low + (min(soc, right) - left) / (right - left) * (high - low)
