"""What one battery said in one burst, decoded. Types only."""

from __future__ import annotations

from typing import TypedDict


class Reading(TypedDict):
    """One battery, ready for JSON: every field of FIELDS, in their order.

    FIELDS has the meaning, the unit and the evidence of each key.
    """

    battery_id: str
    battery_number: int
    batteries_in_system: int
    battery_soc: int
    battery_voltage: float
    battery_current: float
    system_average_voltage: float
    pre_volt: float
    insulation_resistance: int
    software_version: int
    hardware_version: str
    lifetime_discharge_energy: int
    cell_voltages: list[int]

    max_cell_voltage: int
    max_cell_voltage_num: int
    min_cell_voltage: int
    min_cell_voltage_num: int
    alarm_status: str
    charge_relay_status: str
    discharge_relay_status: str
    precharge_relay_status: str
    temps: dict[str, int | None]
    charge_current_limit: float
    max_temp: int
    min_temp: int
    average_temp: int

    discharge_current_limit: float
    state_of_health: int
    max_temp_num: int
    min_temp_num: int
    voltage_at_68: float
    alarm_level_1: int
    alarm_level_2: int
    alarm_level_3: int
    alarm_bits_1: list[int]
    alarm_bits_2: list[int]
    alarm_bits_3: list[int]
    high_voltage_warning: bool
    raw_status: str
    raw_cells: str

    time: int
