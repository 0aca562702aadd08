"""The descriptions of entities, by topic, without a broker."""

from __future__ import annotations

import json

from eflexcan2mqtt.settings.schema import HomeAssistant, Mqtt
from eflexcan2mqtt.sinks.homeassistant.discovery import Discovery
from tests.support.bank import EXAMPLE, decoded, sent

SERIAL = EXAMPLE[0]["battery_id"]
CONFIG = f"homeassistant/device/eflex_{SERIAL}/config"
BANK_CONFIG = "homeassistant/device/eflex_bank/config"
ATTENTION = "eflexbatteries/bank/attention"


def one_battery():
    """A cycle of one battery."""
    return decoded(sent(1))[0]


def descriptions(discovery, cycle, now=0.0):
    """The configurations that are due, by topic."""
    due = discovery.due(cycle, now)
    return {each.topic: json.loads(each.payload) for each in due if each.topic.endswith("/config")}


def described(cycle, stage="extended", topic=Mqtt.topic, page_url="", **settings):
    """The configurations, by topic."""
    mqtt = Mqtt(fields=stage, topic=topic)
    discovery = Discovery(HomeAssistant(discovery=True, **settings), mqtt, page_url=page_url)
    return descriptions(discovery, cycle)


def components(stage="extended", **settings):
    """Those of a battery that are shown, by name."""
    found = described(one_battery(), stage, **settings)[CONFIG]["components"]
    return {key: each for key, each in found.items() if len(each) > 1}
