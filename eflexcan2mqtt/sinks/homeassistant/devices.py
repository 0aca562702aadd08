"""A bank or a battery in, its device as MQTT discovery describes it out."""

from __future__ import annotations

import math
import re
import zlib

from ... import __version__
from ...protocol.bank import BANK, TOTALS
from ...protocol.fields import FIELDS, shown
from ...protocol.reading import Reading
from ...settings.schema import HomeAssistant, Mqtt
from . import attention, entities
from .entities import Json
from .looks import OF_BANK, OF_BATTERY

SUPPORT_URL = "https://github.com/djoly/eflexcan2mqtt"

_IN_DEVICE = ("battery_id", "software_version", "hardware_version")
_SHORTEST_EXPIRY_S = 10
_INTERVALS = 3


class Devices:
    """Describes the devices of one bank; its topics and ids are its own."""

    def __init__(self, config: HomeAssistant, mqtt: Mqtt, page_url: str) -> None:
        self._config = config
        self._mqtt = mqtt
        self._page_url = page_url
        self._keys = {each.key for each in shown(mqtt.fields)}
        self.totals = [each for each in TOTALS if self._keys >= set(each.of)]
        self._expiry = max(_SHORTEST_EXPIRY_S, math.ceil(config.interval * _INTERVALS))

    def config_topic(self, name: str) -> str:
        return f"{self._config.prefix}/device/{self._id(name)}/config"

    def state_topic(self, name: str) -> str:
        return f"{self._mqtt.topic}/{name}"

    @property
    def attention_topic(self) -> str:
        return f"{self.state_topic(BANK)}/attention"

    def bank(self) -> Json:
        """The description of the bank."""
        shows: dict[str, Json] = {}
        for each in self.totals:
            shows |= entities.of_total(each)
        shows |= entities.capacity()
        lasting = {
            **entities.energy("value_json.bank", OF_BANK, self._energy_topic),
            **attention.of_bank(self.attention_topic),
        }
        components = self._components(BANK, shows, lasting)
        # It tells of the bridge being away, so that must not make it unavailable.
        components["bridge"] = {
            **entities.bridge(self._status_topic),
            **self._names(BANK, "bridge", "binary_sensor"),
        }
        device = {
            "name": self._called("eFlex bank"),
            "model": "Bank of eFlex 5.4",
            "sw_version": f"eflexcan2mqtt {__version__}",
        }
        if self._page_url:
            device["configuration_url"] = self._page_url
        return self._device(BANK, device, components)

    def battery(self, reading: Reading) -> Json:
        """The description of a battery."""
        name = reading["battery_id"]
        shows, every = entities.of_facts(), dict[str, Json]()
        for each in FIELDS:
            if each.key in _IN_DEVICE:
                continue
            every |= entities.of_field(each, "enabled")
            if each.key in self._keys:
                shows |= entities.of_field(each, self._config.cells)
        counters = f"(value_json.batteries['{name}'] | default({{}}))"
        lasting = {
            **entities.energy(counters, OF_BATTERY, self._energy_topic),
            **attention.of_battery(self.attention_topic, name),
        }
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
        return self._device(name, device, {**gone, **self._components(name, shows, lasting)})

    def _device(self, name: str, device: Json, components: dict[str, Json]) -> Json:
        area = {"suggested_area": self._config.area} if self._config.area else {}
        return {
            "device": {
                "identifiers": [self._id(name)],
                "manufacturer": "Fortress Power",
                **device,
                **area,
            },
            "origin": {
                "name": "eflexcan2mqtt",
                "sw_version": __version__,
                "support_url": SUPPORT_URL,
            },
            "state_topic": self.state_topic(name),
            "components": components,
        }

    def _components(
        self, name: str, shows: dict[str, Json], lasting: dict[str, Json]
    ) -> dict[str, Json]:
        """Entities with their ids; those that ``shows`` has expire, the retained ones do not."""
        # expire_after once for the device would make Home Assistant refuse it.
        expiring = {key: {**entity, "expire_after": self._expiry} for key, entity in shows.items()}
        return {
            key: {
                **entity,
                **self._names(name, key, entity["platform"]),
                "availability_topic": self._status_topic,
            }
            for key, entity in {**expiring, **lasting}.items()
        }

    def _names(self, name: str, key: str, platform: str) -> Json:
        """Ids that stay when a battery gets another number; those of the bank are easy to guess."""
        identity = self._id(name)
        device = re.sub(r"[^a-z0-9]+", "_", identity.lower())
        return {
            "unique_id": f"{identity}_{key}",
            "default_entity_id": f"{platform}.{device}_{entities.id_words(key)}",
        }

    @property
    def _status_topic(self) -> str:
        return f"{self._mqtt.topic}/status"

    @property
    def _energy_topic(self) -> str:
        return f"{self._mqtt.topic}/energy"

    def _id(self, name: str) -> str:
        """What nobody else on the broker is called, not even this battery on another topic."""
        return f"eflex_{name}{_suffix(self._mqtt.topic)}"

    def _called(self, name: str) -> str:
        return f"{name} ({self._mqtt.topic})" if _suffix(self._mqtt.topic) else name


def _suffix(topic: str) -> str:
    """What tells a topic other than the default one from all others, in letters for an id."""
    if topic == Mqtt.topic:
        return ""
    plain = re.sub(r"[^a-zA-Z0-9-]", "_", topic)
    return f"_{plain}" if plain == topic else f"_{plain}_{zlib.crc32(topic.encode()):08x}"
