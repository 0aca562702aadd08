"""A battery that has left for good in; its retained messages are cleared."""

from __future__ import annotations

from ..settings.schema import Config
from ..sinks.homeassistant.discovery import Discovery
from ..sinks.mqtt.connection import BrokerError
from ..sinks.mqtt.dialogue import conversation
from . import Finding
from .check import BROKER_S

SECTIONS = frozenset({"mqtt", "homeassistant"})
"""The sections of the INI that it uses."""


def forget(config: Config, battery_id: str) -> Finding:
    """Clear what the broker keeps of a battery, so that Home Assistant removes it.

    Good once the broker has acknowledged it.  A bridge that still hears the battery announces
    it again.
    """
    mqtt = config.mqtt
    messages = Discovery(config.homeassistant, mqtt).forgotten(battery_id)
    name = f"{mqtt.hostname}:{mqtt.port}"
    try:
        with conversation(mqtt, "forget", BROKER_S) as broker:
            broker.deliver(messages)
    except BrokerError as error:
        return Finding(False, f"{name}: {error}")
    topics = " and ".join(message.topic for message in messages)
    return Finding(True, f"{name}: forgot {battery_id}: cleared {topics}")
