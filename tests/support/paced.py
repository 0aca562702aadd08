"""A bank at its pace into the MQTT sink, in a process of its own; prints what that cost the bus.

Called as ``python3 -m tests.support.paced PORT SPOOL CYCLES``; the last thing on stdout is JSON:
``gaps_ms`` is how long after its time the loop was done with each frame, ``late`` how many frames
came more than a cycle late, ``stop_s`` how long the end took.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import islice

from eflexcan2mqtt.bridge import Bridge
from eflexcan2mqtt.protocol.blocks import Frame
from eflexcan2mqtt.settings.schema import Mqtt, SpoolSettings
from eflexcan2mqtt.sinks.mqtt.sink import MqttSink
from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.simulator import CYCLE_S

from .bank import FRAMES_PER_BURST

BATTERIES = 14
START = 1_000_000.0
"""The time of the first frame; a whole number, so that the cycles can be counted by it."""


def main() -> None:
    port, directory, cycles = sys.argv[1:]
    config = Mqtt(hostname="127.0.0.1", port=int(port), keepalive=5, fields="extended")
    sink = MqttSink(config, SpoolSettings(directory))
    sink.start()
    gaps_ms: list[float] = []
    late = 0

    def paced() -> Iterator[Frame]:
        nonlocal late
        count = int(cycles) * BATTERIES * FRAMES_PER_BURST
        offset = time.monotonic() - START
        for frame in islice(simulator.frames(BATTERIES, START), count):
            due = frame[2] + offset
            time.sleep(max(0.0, due - time.monotonic()))
            yield frame
            gap_s = time.monotonic() - due
            late += gap_s > CYCLE_S
            gaps_ms.append(gap_s * 1e3)

    Bridge(sink.publish).run(paced())
    begun = time.monotonic()
    left = sink.close()
    stop_s = time.monotonic() - begun
    json.dump({"gaps_ms": gaps_ms, "late": late, "stop_s": stop_s, "left": left}, sys.stdout)


if __name__ == "__main__":
    main()
