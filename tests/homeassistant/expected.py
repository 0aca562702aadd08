"""What an owner is to find in Home Assistant: every entity, its unit, its class and its state.

Written by hand: nothing here is made from what makes the entities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Reading = dict[str, Any]


class Shown(NamedTuple):
    """An entity: its value for a reading, its unit and its device class."""

    value: Callable[[Reading], Any]
    unit: str | None = None
    device_class: str | None = None


def _of(key: str, unit: str | None = None, device_class: str | None = None) -> Shown:
    return Shown(lambda reading: reading[key], unit, device_class)


def _relay(key: str) -> Shown:
    # On is open, for an opening.
    return Shown(lambda reading: "on" if reading[key] == "Break" else "off", None, "opening")


def _problem(reading: Reading) -> str:
    return "on" if reading["alarm_level_1"] or reading["alarm_level_2"] else "off"


def _alarm(reading: Reading) -> str:
    for level in ("1", "2", "3"):
        if reading[f"alarm_level_{level}"]:
            return level
    return "Normal"


def _bits(word: int) -> str:
    return ", ".join(str(bit) for bit in range(16) if word & 1 << bit) or "-"


class AtLeast(float):
    """What a counter had when the bridge started, which goes on counting."""

    MOST_MORE = 5.0

    def is_shown(self, state: str) -> bool:
        return self <= float(state) < self + self.MOST_MORE


ENERGY = {
    "energy_in": AtLeast(1.5),
    "energy_out": AtLeast(0.25),
    "energy_ignored": AtLeast(0.125),
}
BANK_ENERGY = {key: AtLeast(15 * value) for key, value in ENERGY.items()}


def energy(readings: list[Reading]) -> dict[str, Any]:
    """What is retained of the counters."""
    batteries = {each["battery_id"]: ENERGY for each in readings}
    return {"time": 1_715_987_139.1, "bank": BANK_ENERGY, "batteries": batteries}


BATTERY: dict[str, Shown] = {
    "battery_number": _of("battery_number"),
    "batteries_in_system": _of("batteries_in_system"),
    "battery_soc": _of("battery_soc", "%", "battery"),
    "battery_voltage": _of("battery_voltage", "V", "voltage"),
    "battery_current": _of("battery_current", "A", "current"),
    "power": Shown(
        lambda reading: round(reading["battery_voltage"] * reading["battery_current"], 1),
        *("W", "power"),
    ),
    "system_average_voltage": _of("system_average_voltage", "V", "voltage"),
    "pre_volt": _of("pre_volt", "V", "voltage"),
    # 65535 from all.
    "insulation_resistance": Shown(lambda _: None),
    "lifetime_discharge_energy": _of("lifetime_discharge_energy"),
    "cell_spread": Shown(
        lambda reading: max(reading["cell_voltages"]) - min(reading["cell_voltages"]),
        *("mV", "voltage"),
    ),
    "max_cell_voltage": _of("max_cell_voltage", "mV", "voltage"),
    "max_cell_voltage_num": _of("max_cell_voltage_num"),
    "min_cell_voltage": _of("min_cell_voltage", "mV", "voltage"),
    "min_cell_voltage_num": _of("min_cell_voltage_num"),
    "alarm_status": Shown(_alarm, None, "enum"),
    "problem": Shown(_problem, None, "problem"),
    "charge_relay_status": _relay("charge_relay_status"),
    "discharge_relay_status": _relay("discharge_relay_status"),
    "precharge_relay_status": _relay("precharge_relay_status"),
    "charge_current_limit": _of("charge_current_limit", "A", "current"),
    "max_temp": _of("max_temp", "°C", "temperature"),
    "min_temp": _of("min_temp", "°C", "temperature"),
    "average_temp": _of("average_temp", "°C", "temperature"),
    # Guesses have no class, and so no statistics.
    "discharge_current_limit": _of("discharge_current_limit"),
    "state_of_health": _of("state_of_health"),
    "voltage_at_68": _of("voltage_at_68"),
    "max_temp_num": _of("max_temp_num"),
    "min_temp_num": _of("min_temp_num"),
    "alarm_level_1": _of("alarm_level_1"),
    "alarm_level_2": _of("alarm_level_2"),
    "alarm_level_3": _of("alarm_level_3"),
    "alarm_bits_1": Shown(lambda reading: _bits(reading["alarm_level_1"])),
    "alarm_bits_2": Shown(lambda reading: _bits(reading["alarm_level_2"])),
    "alarm_bits_3": Shown(lambda reading: _bits(reading["alarm_level_3"])),
    "high_voltage_warning": Shown(lambda reading: "on" if reading["alarm_level_3"] & 8 else "off"),
    "energy_in": Shown(lambda _: ENERGY["energy_in"], "kWh", "energy"),
    "energy_out": Shown(lambda _: ENERGY["energy_out"], "kWh", "energy"),
    "energy_ignored": Shown(lambda _: ENERGY["energy_ignored"], "kWh", "energy"),
}
"""By what ends the unique id."""
for _number in range(1, 17):
    BATTERY[f"cell_voltages_{_number}"] = Shown(
        lambda reading, index=_number - 1: reading["cell_voltages"][index], "mV", "voltage"
    )
for _number in range(1, 7):
    BATTERY[f"temps_{_number}"] = Shown(
        lambda reading, key=str(_number): reading["temps"][key], "°C", "temperature"
    )

MOVING = {"time", "raw_status", "raw_cells"}
"""What is another one in each reading."""

SWITCHED_OFF = MOVING | {
    *("battery_number", "batteries_in_system", "system_average_voltage", "pre_volt", "power"),
    *("insulation_resistance", "lifetime_discharge_energy"),
    *("max_cell_voltage_num", "min_cell_voltage_num", "max_temp_num", "min_temp_num"),
    *("discharge_current_limit", "state_of_health", "voltage_at_68"),
    *("alarm_level_1", "alarm_level_2", "alarm_level_3", "high_voltage_warning"),
    *("alarm_bits_1", "alarm_bits_2", "alarm_bits_3"),
    *("energy_in", "energy_out", "energy_ignored"),
}
"""What a new installation does not show of a battery, with all fields and cells."""

SWITCHED_OFF_OF_BANK = {"time", "cell_spread_battery", "energy_ignored"}


def bank(readings: list[Reading]) -> dict[str, tuple[Any, str | None, str | None]]:
    """Value, unit and class of each entity of the bank."""
    count = len(readings)
    spreads = [max(each["cell_voltages"]) - min(each["cell_voltages"]) for each in readings]
    power = sum(round(each["battery_voltage"] * each["battery_current"], 1) for each in readings)
    soc = sum(each["battery_soc"] for each in readings) / count
    volts = sum(each["battery_voltage"] for each in readings) / count
    limit = sum(each["charge_current_limit"] for each in readings)
    current = round(sum(each["battery_current"] for each in readings), 1)
    return {
        "battery_soc": (round(soc, 1), "%", "battery"),
        "battery_voltage": (round(volts, 1), "V", "voltage"),
        "battery_current": (current, "A", "current"),
        "power": (round(power, 1), "W", "power"),
        "charge_current_limit": (round(limit, 1), "A", "current"),
        "capacity": (81.0, "kWh", "energy_storage"),
        "batteries_present": (count, None, None),
        "batteries_in_system": (15, None, None),
        "cell_spread": (max(spreads), "mV", "voltage"),
        "cell_spread_battery": (spreads.index(max(spreads)) + 1, None, None),
        "alarm_status": ("1", None, "enum"),
        "attention": ("problem", None, "enum"),
        "problem": ("on", None, "problem"),
        "bridge": ("on", None, "connectivity"),
        "energy_in": (BANK_ENERGY["energy_in"], "kWh", "energy"),
        "energy_out": (BANK_ENERGY["energy_out"], "kWh", "energy"),
        "energy_ignored": (BANK_ENERGY["energy_ignored"], "kWh", "energy"),
    }
