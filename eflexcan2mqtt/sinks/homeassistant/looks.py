"""How entities look: what Home Assistant cannot derive from a unit and a class. Data only.

A key that is not here is named after its words, has the icon of its class, and is switched on.
What is switched on at first keeps the name of 1.2.0: entity ids were made from it.
"""

from __future__ import annotations

from typing import NamedTuple


class Look(NamedTuple):
    """The look of one entity.

    ``name`` is its plain name.  ``icon`` is for what has no device class.  ``off`` is the reason
    why it is switched off in a new installation.  ``chart`` is whether a number without a unit
    makes a chart; without one, each change of it would be an entry in Activity.
    """

    name: str = ""
    icon: str = ""
    off: str = ""
    chart: bool = False


_MOVES = "it moves with each millivolt"
_BANK_HAS_IT = "all batteries send the same, and the bank shows it"
_GUESS = "its meaning is a guess"
_SUPPORT = "it is for the vendor's support"

# fmt: off
OF_BATTERY = {
    "battery_number":            Look(icon="mdi:numeric", off="it is in the name of the device"),
    "batteries_in_system":       Look(icon="mdi:battery-sync", off=_BANK_HAS_IT),
    "system_average_voltage":    Look("Mean voltage of the bank", off=_BANK_HAS_IT),
    "power":                     Look(off="it follows from voltage and current; the bank shows the sum"),
    "pre_volt":                  Look("Pre-charge voltage", off="it is near the voltage"),
    "insulation_resistance":     Look(icon="mdi:omega", off="no battery is known to measure it"),
    "lifetime_discharge_energy": Look(icon="mdi:counter", off="its unit is unproven; Energy out is for statistics"),
    "max_cell_voltage_num":      Look("Highest cell", "mdi:arrow-up-bold", _MOVES),
    "min_cell_voltage_num":      Look("Lowest cell", "mdi:arrow-down-bold", _MOVES),
    "alarm_status":              Look(icon="mdi:alarm-light-outline"),
    "discharge_current_limit":   Look(icon="mdi:current-dc", off=_GUESS),
    "state_of_health":           Look(icon="mdi:battery-heart-variant", off=_GUESS),
    "max_temp_num":              Look("Warmest probe", "mdi:thermometer-chevron-up", "it moves with each degree"),
    "min_temp_num":              Look("Coldest probe", "mdi:thermometer-chevron-down", "it moves with each degree"),
    "voltage_at_68":             Look("Voltage at byte 68", "mdi:help-circle-outline", _GUESS),
    "alarm_level_1":             Look("Alarm word of level 1", "mdi:alarm-light-outline", _SUPPORT),
    "alarm_level_2":             Look("Alarm word of level 2", "mdi:alarm-light-outline", _SUPPORT),
    "alarm_level_3":             Look("Alarm word of level 3", "mdi:alarm-light-outline", _SUPPORT),
    "alarm_bits_1":              Look("Alarm bits of level 1", "mdi:alarm-light-outline", _SUPPORT),
    "alarm_bits_2":              Look("Alarm bits of level 2", "mdi:alarm-light-outline", _SUPPORT),
    "alarm_bits_3":              Look("Alarm bits of level 3", "mdi:alarm-light-outline", _SUPPORT),
    "high_voltage_warning":      Look(icon="mdi:battery-alert-variant-outline", off=_GUESS),
    "raw_status":                Look("Raw STATUS", "mdi:hexadecimal", "it moves with each reading"),
    "raw_cells":                 Look("Raw CELLS", "mdi:hexadecimal", "it moves with each reading"),
    "time":                      Look(off="it moves with each reading"),
    "energy_in":                 Look(off="the Energy dashboard needs that of the bank only"),
    "energy_out":                Look(off="the Energy dashboard needs that of the bank only"),
    "energy_ignored":            Look(off="it is for those who doubt the counters"),
}
"""The looks of a battery's entities, by the keys of fields, facts and counters."""

OF_BANK = {
    "batteries_present":         Look(icon="mdi:battery-check", chart=True),
    "batteries_in_system":       Look(icon="mdi:battery-sync", chart=True),
    "cell_spread_battery":       Look("Battery with the widest spread", "mdi:battery-alert-variant-outline", _MOVES),
    "alarm_status":              OF_BATTERY["alarm_status"],
    "time":                      OF_BATTERY["time"],
    "energy_ignored":            OF_BATTERY["energy_ignored"],
    "attention":                 Look(icon="mdi:bell-alert-outline"),
}
"""The looks of the bank's entities, by the keys of totals and counters."""
# fmt: on
