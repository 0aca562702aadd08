"""Settings, an input and an output in; what is wrong with them out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from ..protocol.blocks import Silence
from ..settings.schema import Can, Config, Mqtt
from ..sinks import MQTT
from ..sinks.mqtt.client import failure, make_client
from ..sources import BUS, RECORDING, Input, can_bus
from ..sources.lines import Lines
from ..sources.socketcan import Overflows
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
    heard = set()
    deadline = None  # opening may take seconds
    try:
        with closing(can_bus.opened(config, Overflows())) as received:
            # A second without frames gives None: it ends also on a bus where nobody speaks.
            for frame in received:
                deadline = deadline or time.monotonic() + BUS_S
                if frame is not Silence.SECOND:
                    heard.add(frame[0] & 0xF)
                if time.monotonic() > deadline:
                    break
    except OSError as error:
        return Finding(False, f"{config.channel}: {can_bus.reason(error)}")
    if not heard:
        return Finding(
            False,
            f"{config.channel}: open, but no battery has said anything for {BUS_S:g} s; "
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
    """Connect under an id of our own: the daemon's would throw the running one out."""
    name = f"{config.hostname}:{config.port}"
    done = threading.Event()
    found = [Finding(False, f"{name}: does not answer")]

    def conclude(good: bool, text: str) -> None:
        if not done.is_set():
            found[0] = Finding(good, f"{name}: {text}")
            done.set()

    def on_socket_open(*_: object) -> None:
        found[0] = Finding(False, f"{name}: takes the connection, but does not answer")

    def on_connect(_: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        if reason.is_failure:
            conclude(False, f"the broker refuses us: {reason}")
        else:
            loss = "" if config.qos else ", which may lose some on the way"
            where = f"arrays go to '{config.topic}' with QoS {config.qos}{loss}"
            conclude(True, f"accepts us, {where}")

    def on_disconnect(_: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        conclude(False, f"takes the connection, but does not speak MQTT ({reason})")

    client = make_client(config, f"{config.client_id}-check")
    client.on_socket_open = on_socket_open
    client.on_connect = on_connect
    client.on_connect_fail = lambda *_: conclude(False, failure()[1])
    client.on_disconnect = on_disconnect
    client.connect_async(config.hostname, config.port, config.keepalive)
    client.loop_start()
    if done.wait(BROKER_S):
        client.disconnect()
    return found[0]
