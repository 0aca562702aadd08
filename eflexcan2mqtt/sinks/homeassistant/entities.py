"""A field in, its Home Assistant entities out, in the form of MQTT discovery.

Name, unit and class of an entity follow from the field table and from looks.py; each function
returns its entities by their keys in the device.
"""

from __future__ import annotations

from typing import Any

from ...protocol.bank import Total
from ...protocol.blocks import CELL_COUNT
from ...protocol.fields import ALARM_STATES, HYPOTHESIS, TIME, Derived, Field
from ...protocol.values import (
    PROBES,
    BitOf,
    Bits,
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
from .looks import OF_BANK, OF_BATTERY, Look

Json = dict[str, Any]

# Home Assistant's device class of a unit.
_CLASSES = {
    "V": "voltage",
    "mV": "voltage",
    "A": "current",
    "W": "power",
    "kWh": "energy",
    "%": "battery",
    "°C": "temperature",
}
_WORDS = {"soc": "SOC", "num": "number", "temp": "temperature", "volt": "voltage"}
_OF_PLACES = {"cell_voltages": "cell_{}_voltage", "temps": "probe_{}_temperature"}
"""What one of several is called by its number."""


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
            found = {key: _alarm(key)}
        case Choice() as choice:
            # Contacts are open or closed, which is how Home Assistant shows an opening.
            opened, closed = choice.words
            contact = binary(key, _or_none(source), opened, closed) | {"device_class": "opening"}
            found = {key: diagnostic(contact)}
        case BitOf():
            found = {key: diagnostic(binary(key, _or_none(source)))}
        case Bits():
            # An empty text would keep the old one.
            shown = f"({source} | default([]) | join(', ') or '-')"
            found = {key: diagnostic(sensor(key, _or_none(shown)))}
        case Hex():
            found = {key: diagnostic(sensor(key, _or_none(source)))}
        case Tenths():
            found = {key: _number(each, digits=1)}
        case Whole() | Celsius() | Letter() | Serial():
            found = {key: _number(each, digits=0)}
        case _:
            assert_never(each.value)
    return _with_looks(found, OF_BATTERY)


def of_total(each: Total) -> dict[str, Json]:
    """The entities of a total of the bank."""
    source = _or_none(f"value_json.{each.key}")
    if each.key == TIME:
        entity = _timestamp()
    elif each.key == "alarm_status":
        entity = _alarm(each.key)
    else:
        entity = sensor(each.key, source, each.unit, each.unit != "mV")
    return _with_looks({each.key: entity}, OF_BANK)


def of_facts() -> dict[str, Json]:
    """The entities of what follows from a reading."""
    units = {"power": ("W", 1), "cell_spread": ("mV", 0)}
    found = {key: sensor(key, _or_none(f"value_json.{key}"), *unit) for key, unit in units.items()}
    return _with_looks(found, OF_BATTERY)


def energy(source: str, looks: dict[str, Look], topic: str) -> dict[str, Json]:
    """The counters on their own retained topic; ``source`` is the template of their object.

    They do not expire: an old value is better for statistics than none.
    """
    found = {}
    for key in ("energy_in", "energy_out", "energy_ignored"):
        entity = sensor(key, f"{{{{ {source}.{key} | default(none) }}}}", "kWh", 2) | {
            "state_class": "total_increasing",
            "state_topic": topic,
        }
        found[key] = diagnostic(entity) if key == "energy_ignored" else entity
    return _with_looks(found, looks)


def capacity() -> dict[str, Json]:
    """What the bank can hold, as the Energy dashboard asks for it."""
    entity = sensor("capacity", _or_none("value_json.capacity")) | {
        "unit_of_measurement": "kWh",
        "device_class": "energy_storage",
        "suggested_display_precision": 1,
    }
    return {"capacity": diagnostic(entity)}


def bridge(status_topic: str) -> Json:
    """Whether this program is connected."""
    return diagnostic(
        {
            "platform": "binary_sensor",
            "name": "Bridge",
            "state_topic": status_topic,
            "payload_on": "online",
            "payload_off": "offline",
            "device_class": "connectivity",
        }
    )


def sensor(key: str, template: str, unit: str = "", digits: int = 0) -> Json:
    """A sensor; with a unit, of its class, and with statistics."""
    entity: Json = {"platform": "sensor", "name": words(key), "value_template": template}
    if unit:
        entity |= {
            "unit_of_measurement": unit,
            "device_class": _CLASSES[unit],
            "state_class": "measurement",
            "suggested_display_precision": int(digits),
        }
    return entity


def binary(key: str, template: str, on: str = "True", off: str = "False") -> Json:
    """A binary sensor; by default for a JSON boolean."""
    return {
        "platform": "binary_sensor",
        "name": words(key),
        "value_template": template,
        "payload_on": on,
        "payload_off": off,
    }


def diagnostic(entity: Json) -> Json:
    return {**entity, "entity_category": "diagnostic"}


def words(key: str) -> str:
    """A key in words; ids are made from these, and so they never change."""
    if key == TIME:
        return "Last heard"
    several, _, number = key.rpartition("_")
    one = _OF_PLACES.get(several, key).format(number)
    found = [_WORDS.get(word, word) for word in one.removeprefix("battery_").split("_")]
    found[0] = found[0][:1].upper() + found[0][1:]
    return " ".join(found)


def id_words(key: str) -> str:
    """How the id of an entity ends."""
    return words(key).lower().replace(" ", "_")


def _or_none(source: str) -> str:
    # None is shown as unknown; nothing at all would keep the old value.
    return f"{{{{ {source} | default(none) }}}}"


def _with_looks(entities: dict[str, Json], looks: dict[str, Look]) -> dict[str, Json]:
    return {key: _looking(entity, looks.get(key, Look())) for key, entity in entities.items()}


def _looking(entity: Json, look: Look) -> Json:
    more: Json = {}
    if look.name:
        more["name"] = look.name
    if look.icon:
        more["icon"] = look.icon
    if look.chart:
        more["state_class"] = "measurement"
    if look.off:
        more["enabled_by_default"] = False
    return {**entity, **more}


def _cells(each: Field | Derived, cells: str) -> dict[str, Json]:
    """An entity for each cell, from 1, unless the setting ``cells`` is none."""
    source = f"value_json.{each.key}"
    found = {
        f"{each.key}_{number}": diagnostic(
            sensor(
                f"{each.key}_{number}",
                _or_none(f"({source} | default([]))[{number - 1}]"),
                each.unit,
            )
        )
        for number in range(1, CELL_COUNT + 1)
        if cells != "none"
    }
    off = {"enabled_by_default": False} if cells == "disabled" else {}
    return {key: {**cell, **off} for key, cell in found.items()}


def _probes(each: Field | Derived) -> dict[str, Json]:
    """An entity for each probe, from 1."""
    source = f"(value_json.{each.key} | default({{}}))"
    return {
        f"{each.key}_{number}": diagnostic(
            sensor(f"{each.key}_{number}", _or_none(f"{source}['{number}']"), each.unit)
        )
        for number in range(1, PROBES + 1)
    }


def _number(each: Field | Derived, digits: int) -> Json:
    key, source = each.key, f"value_json.{each.key}"
    if each.unit and each.evidence != HYPOTHESIS:
        return sensor(key, _or_none(source), each.unit, digits)
    # Wrong statistics cannot be repaired: a guess is a plain number, without unit and class.
    template = _or_none(source)
    match each.value:
        case Whole(unknown=int(unknown)):
            template = f"{{{{ none if {source} == {unknown} else {source} | default(none) }}}}"
    return diagnostic(sensor(key, template))


def _alarm(key: str) -> Json:
    """The worst level."""
    return sensor(key, _or_none(f"value_json.{key}")) | {
        "device_class": "enum",
        "options": list(ALARM_STATES),
    }


def _timestamp() -> Json:
    """The time of the last frame."""
    heard = sensor(TIME, _or_none(f"(value_json.{TIME} | as_datetime)"))
    return diagnostic(heard | {"device_class": "timestamp"})
