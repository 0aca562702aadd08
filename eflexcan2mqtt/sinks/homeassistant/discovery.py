"""Readings in, messages for Home Assistant out. No MQTT client, no I/O.

Each battery is a device and the bank is one, with an entity for each field of the field table,
described in MQTT discovery messages (of devices, as Home Assistant 2024.11 and later take them).
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from ... import __version__
from ...protocol.array import array_of
from ...protocol.bank import BANK, TOTALS, bank_facts, totals
from ...protocol.facts import facts
from ...protocol.fields import FIELDS, shown
from ...protocol.reading import Reading
from ...settings.schema import HomeAssistant, Mqtt
from ..message import Announcer, Message
from . import entities
from .entities import Json

_IN_DEVICE = ("battery_id", "software_version", "hardware_version")
_SHORTEST_EXPIRY_S = 10
_INTERVALS = 3


class Discovery(Announcer):
    """Describes one bank to Home Assistant; its topics and entities are its own."""

    def __init__(self, config: HomeAssistant, mqtt: Mqtt) -> None:
        self.topics = (f"{config.prefix}/status",)
        self._config = config
        self._mqtt = mqtt
        self._array_of = array_of(mqtt.fields)
        self._keys = {each.key for each in shown(mqtt.fields)}
        self._totals = [each for each in TOTALS if self._keys >= set(each.of)]
        self._expiry = max(_SHORTEST_EXPIRY_S, math.ceil(mqtt.publish_interval * _INTERVALS))
        self._sent: dict[str, Any] = {}  # how each device was last described

    def connected(self) -> None:
        """Make every description due again."""
        self._sent.clear()

    def received(self, message: Message) -> None:
        """Home Assistant has started, or goes."""
        if message.payload == b"online":
            self._sent.clear()

    def due(self, cycle: list[Reading], now: float) -> Iterator[Message]:
        """The descriptions that are new or changed: of the bank first, which the others name."""
        if not cycle:
            return
        shape = (tuple(cycle[0]),)
        if self._sent.get(BANK) != shape:
            yield _description(self._topic(BANK), self._bank())
            self._sent[BANK] = shape
        for reading in cycle:
            name = reading["battery_id"]
            identity = (
                *(reading["software_version"], reading["hardware_version"]),
                reading["battery_number"],
            )
            if self._sent.get(name) != identity:
                yield _description(self._topic(name), self._battery(reading))
                self._sent[name] = identity

    def states(self, cycle: list[Reading], now: float) -> Iterator[Message]:
        """What the entities show: an object for the bank and one for each battery."""
        whole = totals(cycle)
        bank = {each.key: whole[each.key] for each in self._totals}
        yield self._state(BANK, {**bank, "problem": bank_facts(whole)["problem"]})
        for reading, battery in zip(cycle, self._array_of(cycle), strict=True):
            found = facts(reading)
            more = {key: found[key] for key in ("power", "cell_spread", "problem")}
            yield self._state(reading["battery_id"], {**battery, **more})

    def forgotten(self, battery_id: str) -> list[Message]:
        """What clears a battery, or the bank, that has left for good."""
        topics = self._topic(battery_id), self._state_topic(battery_id)
        return [Message(topic, b"", retain=True) for topic in topics]

    def _state(self, name: str, values: Mapping[str, Any]) -> Message:
        # The next one comes in a second.
        return Message(self._state_topic(name), _packed(values), qos=0, keep=False)

    def _state_topic(self, name: str) -> str:
        return f"{self._mqtt.topic}/{name}"

    def _topic(self, name: str) -> str:
        return f"{self._config.prefix}/device/{self._id(name)}/config"

    def _id(self, name: str) -> str:
        """What nobody else on the broker is called, not even this battery on another topic."""
        return f"eflex_{name}{_suffix(self._mqtt.topic)}"

    def _bank(self) -> Json:
        shows: dict[str, Json] = {}
        for each in self._totals:
            shows |= entities.of_total(each)
        components = self._components(BANK, shows)
        # It tells of the bridge being away, so that must not make it unavailable.
        components["bridge"] = {
            **entities.bridge(f"{self._mqtt.topic}/status"),
            "unique_id": f"{self._id(BANK)}_bridge",
        }
        return self._device(BANK, {"name": self._called("eFlex bank")}, components)

    def _battery(self, reading: Reading) -> Json:
        name = reading["battery_id"]
        fields = [each for each in FIELDS if each.key not in _IN_DEVICE]
        shows, every = dict(entities.FACTS), dict[str, Json]()
        for each in fields:
            every |= entities.of_field(each, "enabled")
            if each.key in self._keys:
                shows |= entities.of_field(each, self._config.cells)
        device = {
            "name": self._called(f"eFlex battery {reading['battery_number']}"),
            "model": "eFlex 5.4",
            "serial_number": name,
            "sw_version": str(reading["software_version"]),
            "hw_version": reading["hardware_version"],
            "via_device": self._id(BANK),
        }
        # One that was shown with other settings goes when it is named without anything else.
        gone = {key: {"platform": each["platform"]} for key, each in every.items()}
        return self._device(name, device, {**gone, **self._components(name, shows)})

    def _device(self, name: str, device: Json, components: dict[str, Json]) -> Json:
        return {
            "device": {
                "identifiers": [self._id(name)],
                "manufacturer": "Fortress Power",
                **device,
            },
            "origin": {"name": "eflexcan2mqtt", "sw_version": __version__},
            "state_topic": self._state_topic(name),
            "components": components,
        }

    def _components(self, name: str, shows: dict[str, Json]) -> dict[str, Json]:
        # expire_after once for the device would make Home Assistant refuse it.
        return {
            key: {
                **entity,
                "unique_id": f"{self._id(name)}_{key}",
                "availability_topic": f"{self._mqtt.topic}/status",
                "expire_after": self._expiry,
            }
            for key, entity in shows.items()
        }

    def _called(self, name: str) -> str:
        return f"{name} ({self._mqtt.topic})" if _suffix(self._mqtt.topic) else name


def _suffix(topic: str) -> str:
    """What tells a topic other than the default one from all others, in letters for an id."""
    if topic == Mqtt.topic:
        return ""
    plain = re.sub(r"[^a-zA-Z0-9-]", "_", topic)
    return f"_{plain}" if plain == topic else f"_{plain}_{zlib.crc32(topic.encode()):08x}"


def _description(topic: str, content: Json) -> Message:
    return Message(topic, _packed(content), retain=True)


def _packed(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()
