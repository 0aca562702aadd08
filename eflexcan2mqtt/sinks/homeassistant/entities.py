"""A field in, its Home Assistant entities out: described as MQTT discovery has them.

What an entity is called, measures and looks like follows from the field table; each function
returns its entities by their names in the device.
"""

from __future__ import annotations

from typing import Any

from ...protocol.bank import Total
from ...protocol.blocks import CELL_COUNT
from ...protocol.fields import ALARM_STATES, HYPOTHESIS, TIME, Derived, Field
from ...protocol.values import PROBES, BitOf, Choice, Hex, Numbers, Probes, Tenths, WorstAlarm

Json = dict[str, Any]

# Home Assistant's device class of a unit.
_CLASSES = {
    "V": "voltage",
    "mV": "voltage",
    "A": "current",
    "W": "power",
    "%": "battery",
    "°C": "temperature",
}
_WORDS = {"soc": "SOC", "num": "number", "temp": "temperature", "volt": "voltage"}
_FAULTS = ["1", "2"]  # a level-3 warning is none: a full bank has it


def of_field(each: Field | Derived, cells: str) -> dict[str, Json]:
    """The entities of a field; ``cells`` is the setting."""
    key, source, value = each.key, f"value_json.{each.key}", each.value
    if isinstance(value, (Numbers, Probes)):
        return _elements(each, cells)
    if isinstance(value, WorstAlarm):
        return _alarm(key)
    if key == TIME:
        return {key: _timestamp()}
    if isinstance(value, (Choice, BitOf)):
        return {key: _diagnostic(_bit(key, source, value))}
    # Wrong statistics cannot be repaired: what is not known well is a mere number.
    if not each.unit or each.evidence == HYPOTHESIS:
        number = _diagnostic(_sensor(key, source))
        return {key: _off(number) if isinstance(value, Hex) else number}
    return {key: _sensor(key, source, each.unit, int(isinstance(value, Tenths)))}


def of_total(each: Total) -> dict[str, Json]:
    """The entities of a value of the bank."""
    if each.key == TIME:
        return {TIME: _timestamp()}
    if each.key == "alarm_status":
        return _alarm(each.key)
    return {each.key: _sensor(each.key, f"value_json.{each.key}", each.unit, each.unit != "mV")}


def bridge(status_topic: str) -> Json:
    """Whether we are there."""
    return _diagnostic(
        {
            "platform": "binary_sensor",
            "name": "Bridge",
            "state_topic": status_topic,
            "payload_on": "online",
            "payload_off": "offline",
            "device_class": "connectivity",
        }
    )


def _elements(each: Field | Derived, cells: str) -> dict[str, Json]:
    """An entity for each cell or probe, from 1."""
    source = f"value_json.{each.key}"
    if isinstance(each.value, Probes):
        return {
            f"{each.key}_{number}": _diagnostic(
                _sensor(
                    f"probe_{number}_temperature",
                    f"({source} | default({{}}))['{number}']",
                    each.unit,
                )
            )
            for number in range(1, PROBES + 1)
        }
    found = {
        f"{each.key}_{number}": _diagnostic(
            _sensor(f"cell_{number}_voltage", f"({source} | default([]))[{number - 1}]", each.unit)
        )
        for number in range(1, CELL_COUNT + 1)
        if cells != "none"
    }
    return {key: _off(cell) if cells == "disabled" else cell for key, cell in found.items()}


def _sensor(key: str, source: str, unit: str = "", digits: int = 0) -> Json:
    entity: Json = {
        "platform": "sensor",
        "name": _name(key),
        # None is shown as unknown; nothing at all would keep the old value.
        "value_template": f"{{{{ {source} | default(none) }}}}",
    }
    if unit:
        entity |= {
            "unit_of_measurement": unit,
            "device_class": _CLASSES[unit],
            "state_class": "measurement",
            "suggested_display_precision": int(digits),
        }
    return entity


def _binary(key: str, source: str, on: str, off: str) -> Json:
    return {
        "platform": "binary_sensor",
        "name": _name(key),
        "value_template": f"{{{{ {source} | default(none) }}}}",
        "payload_on": on,
        "payload_off": off,
    }


def _bit(key: str, source: str, value: Choice | BitOf) -> Json:
    if isinstance(value, BitOf):
        return _binary(key, source, "True", "False")
    # Contacts are open or closed, which is how Home Assistant shows an opening.
    opened, closed = value.words
    return _binary(key, source, opened, closed) | {"device_class": "opening"}


def _alarm(key: str) -> dict[str, Json]:
    """The worst level in words, and whether it is a fault."""
    level = _sensor(key, f"value_json.{key}") | {
        "device_class": "enum",
        "options": list(ALARM_STATES),
    }
    fault = _binary("problem", f"(value_json.{key} in {_FAULTS})", "True", "False")
    return {key: level, "problem": fault | {"device_class": "problem"}}


def _timestamp() -> Json:
    """When the battery was last heard: a new state each second, so off until it is wanted."""
    heard = _sensor("last_heard", f"(value_json.{TIME} | as_datetime)")
    return _off(_diagnostic(heard | {"device_class": "timestamp"}))


def _diagnostic(entity: Json) -> Json:
    return {**entity, "entity_category": "diagnostic"}


def _off(entity: Json) -> Json:
    return {**entity, "enabled_by_default": False}


def _name(key: str) -> str:
    words = [_WORDS.get(word, word) for word in key.removeprefix("battery_").split("_")]
    words[0] = words[0][:1].upper() + words[0][1:]
    return " ".join(words)


CALCULATED = {
    "power": _sensor(
        "power", "(value_json.battery_voltage * value_json.battery_current) | round(1)", "W", 1
    ),
    "cell_spread": _sensor(
        "cell_spread",
        "(value_json.cell_voltages | max) - (value_json.cell_voltages | min)",
        "mV",
    ),
}
"""What no battery sends, but Home Assistant makes of what it sends."""
