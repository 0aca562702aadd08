"""A battery that has left for good in; its retained messages are cleared."""

from __future__ import annotations

import threading

from ..settings.schema import Config
from ..sinks.homeassistant.discovery import Discovery
from ..sinks.mqtt.client import failure, make_client
from . import Finding
from .check import BROKER_S

QOS = 1
SECTIONS = frozenset({"mqtt", "homeassistant"})
"""The sections of the INI that it uses."""


def forget(config: Config, battery_id: str) -> Finding:
    """Clear what the broker keeps of a battery, so that Home Assistant removes it.

    Good once the broker has acknowledged it.  A bridge that still hears the battery announces
    it again.
    """
    mqtt = config.mqtt
    topics = Discovery(config.homeassistant, mqtt).retained(battery_id)
    name = f"{mqtt.hostname}:{mqtt.port}"
    problem = ["does not answer"]
    done = threading.Event()
    left = set[int]()
    # An id of our own: the bridge's would throw it out.
    client = make_client(mqtt, f"{mqtt.client_id}-forget")

    def on_connect(*arguments: object) -> None:
        reason = arguments[3]
        if getattr(reason, "is_failure", False):
            problem[0] = f"the broker refuses us: {reason}"
            done.set()
            return
        left.update(client.publish(topic, b"", QOS, retain=True).mid for topic in topics)

    def on_publish(*arguments: object) -> None:
        left.discard(arguments[2])
        if not left:
            problem.clear()
            done.set()

    def on_connect_fail(*_: object) -> None:
        problem[0] = failure()[1]
        done.set()

    client.on_connect = on_connect
    client.on_publish = on_publish
    client.on_connect_fail = on_connect_fail
    client.connect_async(mqtt.hostname, mqtt.port, mqtt.keepalive)
    client.loop_start()
    if done.wait(BROKER_S):
        client.disconnect()
    if problem:
        return Finding(False, f"{name}: {problem[0]}")
    return Finding(True, f"{name}: forgot {battery_id}: cleared {' and '.join(topics)}")
