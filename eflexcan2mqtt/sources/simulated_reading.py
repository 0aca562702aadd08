"""What a simulated battery measures in, its two blocks out. No frames, no clock.

Blocks are made by the inverse of the decoder and are consistent: the voltage is the sum of the
cells, the extremes are those of cells and probes, and limits and alarms follow the state of
charge as they do on the real bus.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..protocol.blocks import STATUS
from ..protocol.decode import encode
from ..protocol.fields import (
    CHARGE_LIMITED_AT,
    HIGH_VOLTAGE_BIT,
    PROBES_APART_BIT,
    UNCLAIMED_STATUS,
)

FULL_SOC = 98.0


@dataclass
class Sensed:
    """What a battery measures and does at one moment.

    ``soc`` is in %, ``cells`` in mV, ``temps`` in °C; ``alarms`` are the words by level, without
    the bits that follow from the rest.
    """

    number: int
    serial: str
    soc: float
    current: float
    cells: list[int]
    temps: list[int]
    energy_wh: float
    connected: bool = True
    alarms: dict[int, int] = field(default_factory=lambda: {1: 0, 2: 0, 3: 0})

    def volts(self) -> float:
        """The sum of the cells, rounded down to tenths."""
        return sum(self.cells) // 100 / 10

    def payloads(self, bank_size: int, bank_volts: float) -> tuple[bytes, bytes]:
        """STATUS and CELLS."""
        return encode(self._reading(bank_size, bank_volts))

    def _reading(self, bank_size: int, bank_volts: float) -> dict[str, Any]:
        temps = self.temps
        high, low = max(self.cells), min(self.cells)
        apart = max(temps) - min(temps)
        pre_volt = round(self.volts() + 0.1, 1)
        full = self.soc >= FULL_SOC
        limit = charge_limit(self.soc)
        relay = "Make" if self.connected else "Break"
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
            "charge_relay_status": relay,
            "discharge_relay_status": relay,
            "precharge_relay_status": "Break",
            "temps": {str(number): temp for number, temp in enumerate(temps, 1)},
            "charge_current_limit": limit,
            "max_temp": max(temps),
            "min_temp": min(temps),
            "average_temp": sum(temps) // len(temps),
            "discharge_current_limit": 60.0,
            "state_of_health": 100,
            "max_temp_num": temps.index(max(temps)) + 1,
            "min_temp_num": temps.index(min(temps)) + 1,
            "voltage_at_68": pre_volt,
            "alarm_level_1": self.alarms[1],
            "alarm_level_2": self.alarms[2] | (apart >= 8) << PROBES_APART_BIT,
            "alarm_level_3": self.alarms[3]
            | (apart >= 5) << PROBES_APART_BIT
            | full << HIGH_VOLTAGE_BIT,
            "raw_status": _unclaimed(limit == 30.0).hex(),
        }


def charge_limit(soc: float) -> float:
    """The charge current that a battery allows at its state of charge, in A, as captured."""
    return 0.0 if soc >= FULL_SOC else 30.0 if soc >= 84 else 50.0


def _unclaimed(limited: bool) -> bytes:
    payload = bytearray(STATUS.size)
    for offset, value in {**UNCLAIMED_STATUS, CHARGE_LIMITED_AT: limited}.items():
        payload[offset] = value
    return bytes(payload)
