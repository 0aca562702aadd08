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


BATTERY: dict[str, Shown] = {
    "sensor.{}_number": _of("battery_number"),
    "sensor.{}_batteries_in_system": _of("batteries_in_system"),
    "sensor.{}_soc": _of("battery_soc", "%", "battery"),
    "sensor.{}_voltage": _of("battery_voltage", "V", "voltage"),
    "sensor.{}_current": _of("battery_current", "A", "current"),
    "sensor.{}_power": Shown(
        lambda reading: round(reading["battery_voltage"] * reading["battery_current"], 1),
        *("W", "power"),
    ),
    "sensor.{}_system_average_voltage": _of("system_average_voltage", "V", "voltage"),
    "sensor.{}_pre_voltage": _of("pre_volt", "V", "voltage"),
    "sensor.{}_insulation_resistance": _of("insulation_resistance"),
    "sensor.{}_lifetime_discharge_energy": _of("lifetime_discharge_energy"),
    "sensor.{}_cell_spread": Shown(
        lambda reading: max(reading["cell_voltages"]) - min(reading["cell_voltages"]),
        *("mV", "voltage"),
    ),
    "sensor.{}_max_cell_voltage": _of("max_cell_voltage", "mV", "voltage"),
    "sensor.{}_max_cell_voltage_number": _of("max_cell_voltage_num"),
    "sensor.{}_min_cell_voltage": _of("min_cell_voltage", "mV", "voltage"),
    "sensor.{}_min_cell_voltage_number": _of("min_cell_voltage_num"),
    "sensor.{}_alarm_status": Shown(_alarm, None, "enum"),
    "binary_sensor.{}_problem": Shown(_problem, None, "problem"),
    "binary_sensor.{}_charge_relay_status": _relay("charge_relay_status"),
    "binary_sensor.{}_discharge_relay_status": _relay("discharge_relay_status"),
    "binary_sensor.{}_precharge_relay_status": _relay("precharge_relay_status"),
    "sensor.{}_charge_current_limit": _of("charge_current_limit", "A", "current"),
    "sensor.{}_max_temperature": _of("max_temp", "°C", "temperature"),
    "sensor.{}_min_temperature": _of("min_temp", "°C", "temperature"),
    "sensor.{}_average_temperature": _of("average_temp", "°C", "temperature"),
    # Guesses have no class, and so no statistics.
    "sensor.{}_discharge_current_limit": _of("discharge_current_limit"),
    "sensor.{}_state_of_health": _of("state_of_health"),
    "sensor.{}_voltage_at_68": _of("voltage_at_68"),
    "sensor.{}_max_temperature_number": _of("max_temp_num"),
    "sensor.{}_min_temperature_number": _of("min_temp_num"),
    "sensor.{}_alarm_level_1": _of("alarm_level_1"),
    "sensor.{}_alarm_level_2": _of("alarm_level_2"),
    "sensor.{}_alarm_level_3": _of("alarm_level_3"),
    "binary_sensor.{}_high_voltage_warning": Shown(
        lambda reading: "on" if reading["alarm_level_3"] & 8 else "off"
    ),
}
for _number in range(1, 17):
    BATTERY[f"sensor.{{}}_cell_{_number}_voltage"] = Shown(
        lambda reading, index=_number - 1: reading["cell_voltages"][index], "mV", "voltage"
    )
for _number in range(1, 7):
    BATTERY[f"sensor.{{}}_probe_{_number}_temperature"] = Shown(
        lambda reading, key=str(_number): reading["temps"][key], "°C", "temperature"
    )

SWITCHED_OFF = {"sensor.{}_last_heard", "sensor.{}_raw_status", "sensor.{}_raw_cells"}


def bank(readings: list[Reading]) -> dict[str, tuple[Any, str | None, str | None]]:
    """Value, unit and class of each entity of the bank."""
    count = len(readings)
    spreads = [max(each["cell_voltages"]) - min(each["cell_voltages"]) for each in readings]
    power = sum(round(each["battery_voltage"] * each["battery_current"], 1) for each in readings)
    soc = sum(each["battery_soc"] for each in readings) / count
    volts = sum(each["battery_voltage"] for each in readings) / count
    return {
        "sensor.eflex_bank_soc": (round(soc, 1), "%", "battery"),
        "sensor.eflex_bank_voltage": (round(volts, 1), "V", "voltage"),
        "sensor.eflex_bank_current": (
            round(sum(each["battery_current"] for each in readings), 1),
            *("A", "current"),
        ),
        "sensor.eflex_bank_power": (round(power, 1), "W", "power"),
        "sensor.eflex_bank_batteries_present": (count, None, None),
        "sensor.eflex_bank_batteries_in_system": (15, None, None),
        "sensor.eflex_bank_cell_spread": (max(spreads), "mV", "voltage"),
        "sensor.eflex_bank_cell_spread_battery": (spreads.index(max(spreads)) + 1, None, None),
        "sensor.eflex_bank_alarm_status": ("1", None, "enum"),
        "binary_sensor.eflex_bank_problem": ("on", None, "problem"),
        "binary_sensor.eflex_bank_bridge": ("on", None, "connectivity"),
    }
