"""A simulated bank: steps of time in, the two blocks of each battery out. No frames, no clock.

Blocks are made by the inverse of the decoder and are consistent: the voltage is the sum of the
cells, the extremes are those of cells and probes, and limits and alarms follow the state of
charge as they do on the real bus.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

from ..protocol.blocks import CELL_COUNT, STATUS
from ..protocol.decode import encode
from ..protocol.fields import (
    CHARGE_LIMITED_AT,
    HIGH_VOLTAGE_BIT,
    PROBES_APART_BIT,
    UNCLAIMED_STATUS,
)
from ..protocol.values import PROBES

CAPACITY_AH = 105.0
CELL_MILLIOHM = 0.6
SUNRISE_H, SUNSET_H = 8.0, 16.0
SUN_A = 36.0
BASE_LOAD_A = 5.0
EVENING_LOAD_A = 9.0
START_HOUR = 9.0
DRIFT_PER_DAY = 0.002

# Open-circuit voltage of a LiFePO4 cell in mV at a state of charge in %.
_OCV = (
    *((0, 2900), (5, 3130), (10, 3200), (20, 3240), (30, 3270), (40, 3290), (60, 3300)),
    *((70, 3320), (90, 3335), (95, 3360), (98, 3400), (100, 3480)),
)


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
    celsius: float = 24.0
    cells: list[int] = field(default_factory=list)

    def charge_limit(self) -> float:
        """The charge current that it allows at its state of charge, in A, as captured."""
        return 0.0 if self.soc >= 98 else 30.0 if self.soc >= 84 else 50.0

    def step(self, hour: float, seconds: float, noise: float) -> None:
        # The charge of the current so far first: the new current keeps to the new limit.
        self.soc += self.current * seconds / 3600 / CAPACITY_AH * 100
        current = _bank_current(hour) * self.share + noise
        self.current = max(0.0, current) if self.soc < 8 else min(current, self.charge_limit())
        self.offsets[self.weak] -= DRIFT_PER_DAY * seconds / 86_400 * 100
        self.cells = [
            round(_ocv(self.soc + offset) + self.current * CELL_MILLIOHM) for offset in self.offsets
        ]
        ambient = 22 + 3 * math.sin((hour - 10) / 24 * math.tau)
        warm = ambient + 0.004 * self.current**2
        self.celsius += (warm - self.celsius) * min(1.0, seconds / 1800)
        self.energy_wh += max(0.2, -self.current) * self.volts() * seconds / 3600

    def volts(self) -> float:
        """The sum of the cells, rounded down to tenths."""
        return sum(self.cells) // 100 / 10

    def reading(self, bank_size: int, bank_volts: float) -> dict[str, Any]:
        temps = [round(self.celsius + probe) for probe in self.probes]
        high, low = max(self.cells), min(self.cells)
        apart = max(temps) - min(temps)
        pre_volt = round(self.volts() + 0.1, 1)
        full = self.soc >= 98
        return {
            "battery_id": self.serial,
            "battery_number": self.number,
            "batteries_in_system": bank_size,
            "battery_soc": max(0, min(100, int(self.soc))),
            "battery_voltage": self.volts(),
            "battery_current": round(self.current, 1),
            "system_average_voltage": bank_volts,
            "pre_volt": pre_volt,
            "insulation_resistance": 65_535,
            "software_version": 4006,
            "hardware_version": "a",
            "lifetime_discharge_energy": int(self.energy_wh),
            "cell_voltages": self.cells,
            "max_cell_voltage": high,
            "max_cell_voltage_num": self.cells.index(high) + 1,
            "min_cell_voltage": low,
            "min_cell_voltage_num": self.cells.index(low) + 1,
            "charge_relay_status": "Make",
            "discharge_relay_status": "Make",
            "precharge_relay_status": "Break",
            "temps": {str(number): temp for number, temp in enumerate(temps, 1)},
            "charge_current_limit": self.charge_limit(),
            "max_temp": max(temps),
            "min_temp": min(temps),
            "average_temp": sum(temps) // len(temps),
            "discharge_current_limit": 60.0,
            "state_of_health": 100,
            "max_temp_num": temps.index(max(temps)) + 1,
            "min_temp_num": temps.index(min(temps)) + 1,
            "voltage_at_68": pre_volt,
            "alarm_level_1": 0,
            "alarm_level_2": (apart >= 8) << PROBES_APART_BIT,
            "alarm_level_3": (apart >= 5) << PROBES_APART_BIT | full << HIGH_VOLTAGE_BIT,
            "raw_status": _unclaimed(self.charge_limit() == 30.0).hex(),
        }


class Bank:
    """Batteries that share sun and load; the same seed gives the same values."""

    def __init__(self, batteries: int, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 (weather, not keys)
        self._hour = START_HOUR
        self._batteries = [_make(number, self._random) for number in range(1, batteries + 1)]

    def step(self, seconds: float) -> list[tuple[bytes, bytes]]:
        """Let time pass; return STATUS and CELLS of each battery."""
        for battery in self._batteries:
            battery.step(self._hour, seconds, self._random.gauss(0, 0.1))
        self._hour = (self._hour + seconds / 3600) % 24
        size = len(self._batteries)
        volts = round(sum(battery.volts() for battery in self._batteries) / size, 1)
        return [encode(battery.reading(size, volts)) for battery in self._batteries]


def _unclaimed(limited: bool) -> bytes:
    payload = bytearray(STATUS.size)
    for offset, value in {**UNCLAIMED_STATUS, CHARGE_LIMITED_AT: limited}.items():
        payload[offset] = value
    return bytes(payload)


def _make(number: int, random: Random) -> _Simulated:
    offsets = [random.uniform(-0.4, 0.4) for _ in range(CELL_COUNT)]
    weak = random.randrange(CELL_COUNT)
    offsets[weak] = -1.5
    return _Simulated(
        number=number,
        serial=f"22{random.randint(1, 12):02d}075E{random.randint(1, 999):04d}",
        soc=random.uniform(55, 65),
        share=random.uniform(0.97, 1.03),
        offsets=offsets,
        probes=[random.uniform(-1.2, 1.2) for _ in range(PROBES - 1)] + [random.uniform(1.5, 2.5)],
        weak=weak,
        energy_wh=random.uniform(140_000, 170_000),
    )


def _bank_current(hour: float) -> float:
    """Sun minus load for each battery at an hour of the day, in A."""
    light = math.sin((hour - SUNRISE_H) / (SUNSET_H - SUNRISE_H) * math.pi)
    sun = SUN_A * light if SUNRISE_H < hour < SUNSET_H else 0.0
    evening = EVENING_LOAD_A * math.exp(-(((hour - 20) / 2) ** 2))
    return sun - BASE_LOAD_A - evening


def _ocv(soc: float) -> float:
    for (left, low), (right, high) in pairwise(_OCV):
        if soc < right:
            return low + (soc - left) / (right - left) * (high - low)
    return float(_OCV[-1][1])
