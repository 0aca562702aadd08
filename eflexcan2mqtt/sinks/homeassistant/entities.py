"""A field in, its Home Assistant entities out, in the form of MQTT discovery.

Name, unit and class of an entity follow from the field table; each function returns its
entities by their keys in the device.
"""

from __future__ import annotations

from typing import Any

from ...protocol.bank import Total
from ...protocol.blocks import CELL_COUNT
from ...protocol.fields import ALARM_STATES, HYPOTHESIS, TIME, Derived, Field
from ...protocol.values import (
    PROBES,
    BitOf,
    Celsius,
    Choice,
    Hex,
    Letter,
    Numbers,
    Probes,
    Serial,
    Tenths,
    Whole,
    WorstAlarm,
    assert_never,
)

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


def of_field(each: Field | Derived, cells: str) -> dict[str, Json]:
    """The entities of a field; ``cells`` is the setting."""
    key, source = each.key, f"value_json.{each.key}"
    match each.value:
        case Whole() if key == TIME:
            found = {key: _timestamp()}
        case Numbers():
            found = _cells(each, cells)
        case Probes():
            found = _probes(each)
        case WorstAlarm():
            found = _alarm(key)
        case Choice() as choice:
            # Contacts are open or closed, which is how Home Assistant shows an opening.
            opened, closed = choice.words
            contact = _binary(key, source, opened, closed) | {"device_class": "opening"}
            found = {key: _diagnostic(contact)}
        case BitOf():
            found = {key: _diagnostic(_flag(key, source))}
        case Hex():
            found = {key: _off(_diagnostic(_sensor(key, source)))}
        case Tenths():
            found = {key: _number(each, digits=1)}
        case Whole() | Celsius() | Letter() | Serial():
            found = {key: _number(each, digits=0)}
        case _:
            assert_never(each.value)
    return found


def of_total(each: Total) -> dict[str, Json]:
    """The entities of a total of the bank."""
    if each.key == TIME:
        return {TIME: _timestamp()}
    if each.key == "alarm_status":
        return _alarm(each.key)
    return {each.key: _sensor(each.key, f"value_json.{each.key}", each.unit, each.unit != "mV")}


def bridge(status_topic: str) -> Json:
    """Whether this program is connected."""
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


def _cells(each: Field | Derived, cells: str) -> dict[str, Json]:
    """An entity for each cell, from 1, unless the setting ``cells`` is none."""
    source = f"value_json.{each.key}"
    found = {
        f"{each.key}_{number}": _diagnostic(
            _sensor(f"cell_{number}_voltage", f"({source} | default([]))[{number - 1}]", each.unit)
        )
        for number in range(1, CELL_COUNT + 1)
        if cells != "none"
    }
    return {key: _off(cell) if cells == "disabled" else cell for key, cell in found.items()}


def _probes(each: Field | Derived) -> dict[str, Json]:
    """An entity for each probe, from 1."""
    source = f"(value_json.{each.key} | default({{}}))"
    return {
        f"{each.key}_{number}": _diagnostic(
            _sensor(f"probe_{number}_temperature", f"{source}['{number}']", each.unit)
        )
        for number in range(1, PROBES + 1)
    }


def _number(each: Field | Derived, digits: int) -> Json:
    source = f"value_json.{each.key}"
    if each.unit and each.evidence != HYPOTHESIS:
        return _sensor(each.key, source, each.unit, digits)
    # Wrong statistics cannot be repaired: a guess is a plain number, without unit and class.
    return _diagnostic(_sensor(each.key, source))


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


def _flag(key: str, source: str) -> Json:
    """A binary sensor for a JSON boolean."""
    return _binary(key, source, "True", "False")


def _alarm(key: str) -> dict[str, Json]:
    """The worst level, and whether it is a fault."""
    level = _sensor(key, f"value_json.{key}") | {
        "device_class": "enum",
        "options": list(ALARM_STATES),
    }
    problem = _flag("problem", "value_json.problem") | {"device_class": "problem"}
    return {key: level, "problem": problem}


def _timestamp() -> Json:
    """The time of the last frame: a new state each second, so disabled by default."""
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


FACTS = {
    "power": _sensor("power", "value_json.power", "W", 1),
    "cell_spread": _sensor("cell_spread", "value_json.cell_spread", "mV"),
}
"""The entities of facts that follow from a reading."""
