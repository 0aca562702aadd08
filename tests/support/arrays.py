"""Arrays that differ by a number, and a sink to publish them."""

from __future__ import annotations

import json
import time
from typing import Any, cast

from eflexcan2mqtt.protocol.reading import Reading
from eflexcan2mqtt.sinks.mqtt.sink import MqttSink

from .bank import EXAMPLE

PUBLISH_S = 2.0
"""No call of publish takes longer: far more than one needs on a machine that has other work, far
less than any time-out of the network."""


def array(number: int, size: int = 0) -> list[dict[str, Any]]:
    """An array of one cycle with its number, and so many characters more."""
    return [{**EXAMPLE[0], "time": number, **({"hardware_version": "x" * size} if size else {})}]


def numbers(payloads: list[bytes]) -> list[int]:
    """Those of arrays, in the order of their arrival; one without batteries has none."""
    return [found[0]["time"] for found in map(json.loads, payloads) if found]


def drained(sink: MqttSink) -> bool:
    """Whether the broker acknowledges all that a sink has, before it is silent for too long."""
    while not sink.drained():
        time.sleep(0.02)
    return sink.state.waiting == 0


def publish(sink: MqttSink, *arrays: int, size: int = 0) -> None:
    for number in arrays:
        begun = time.monotonic()
        sink.publish(cast(list[Reading], array(number, size)))
        assert time.monotonic() - begun < PUBLISH_S
