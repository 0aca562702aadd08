"""Settings, an input and an output in; what is wrong with them out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ..protocol.blocks import Silence
from ..settings.load import ConfigError
from ..settings.schema import Can, Config, Mqtt
from ..sinks import MQTT
from ..sinks.mqtt.connection import BrokerError
from ..sinks.mqtt.dialogue import conversation
from ..sources import BUS, RECORDING, Input
from ..sources.lines import Lines
from . import Finding

BROKER_S = 5.0
BUS_S = 3.0


def check(config: Config, source: Input, output: str, ini: Path | None) -> Iterator[Finding]:
    """Try what the input and the output need; the settings from ``ini`` are good already."""
    yield Finding(True, f"{ini or 'no INI'}: the settings are good")
    if source.kind == BUS:
        yield bus(config.can)
    if source.kind == RECORDING:
        yield recording(source.name)
    if output == MQTT:
        yield broker(config.mqtt)


def bus(config: Can) -> Finding:
    """Open the bus and listen for the batteries."""
    from ..sources.can_bus import CanBus  # python-can is for those who use it

    heard = set()
    deadline = None  # opening may take seconds
    try:
        with closing(CanBus(config).opened()) as events:
            for event in events:
                deadline = deadline or time.monotonic() + BUS_S
                if event is not Silence.SECOND:
                    heard.add(event[0] & 0xF)
                if time.monotonic() > deadline:
                    break
    except (OSError, ConfigError) as error:
        return Finding(False, f"{config.channel}: {error}")
    if not heard:
        return Finding(
            False,
            f"{config.channel}: open, but no frames from any battery for {BUS_S:g} s; "
            f"is the bank on, the cable right and the bus set to {config.bitrate} bit/s?",
        )
    return Finding(True, f"{config.channel}: hears {len(heard)} batteries")


def recording(name: str) -> Finding:
    """Open a recording."""
    try:
        lines = Lines(name)
    except OSError as error:
        return Finding(False, f"{name}: {error.strerror}")
    return Finding(True, f"{name}: can be read, {lines.size} bytes")


def broker(config: Mqtt) -> Finding:
    """Connect, under another client id than the daemon's."""
    name = f"{config.hostname}:{config.port}"
    try:
        with conversation(config, "check", BROKER_S):
            pass
    except BrokerError as error:
        return Finding(False, f"{name}: {error}")
    loss = "" if config.qos else ", which may lose some on the way"
    where = f"arrays go to '{config.topic}' with QoS {config.qos}{loss}"
    return Finding(True, f"{name}: accepts us, {where}")
