"""Counters of energy for tests: what is kept of them, and a run at a broker."""

from __future__ import annotations

import json

from eflexcan2mqtt.protocol.energy import Counters, EnergySession, EnergyTotals
from eflexcan2mqtt.sinks.message import Message
from eflexcan2mqtt.sinks.mqtt.energy import PUBLISH_S, EnergyCounters
from eflexcan2mqtt.sinks.mqtt.kept import Kept

TOPIC = "eflexbatteries/energy"


def totals(energy, name="A"):
    return EnergyTotals(Counters(energy, energy / 2, 0), {name: Counters(energy, 0, 0)})


def kept(time, energy, clean=False, name="A"):
    return Kept(time, totals(energy, name), clean)


class Run:
    """One run of the counters, at a broker that has ``retained``; ``counted`` is its session."""

    def __init__(self, folder, retained=None, clock=lambda: 1e9, several=False):
        self.counted = 0.0
        self.now = 0.0
        self.counters = EnergyCounters(
            "eflexbatteries", folder, self._session, clock, several=several
        )
        self.tick()
        self.connect(retained)

    def _session(self):
        # The bank takes a tenth of what its battery takes: its counter is another one.
        return EnergySession(Counters(self.counted / 10, 0, 0), {"A": Counters(self.counted, 0, 0)})

    def connect(self, retained=None):
        self.counters.connected()
        for topic in self.counters.topics:
            self.counters.subscribed(topic, self.now)
            if retained is not None:
                self.counters.received(Message(topic, retained, retain=True))

    def tick(self, seconds=0.0):
        self.now += seconds
        self.counters.tick(self.now)

    def sent(self):
        """What is sent now; not acknowledged yet."""
        return [each.payload for each in self.counters.due([], self.now)]

    def publish(self, seconds=PUBLISH_S):
        """What is sent after so long, and acknowledged."""
        self.tick(seconds)
        found = self.sent()
        for payload in found:
            self.counters.answered(Message(TOPIC, payload, retain=True), taken=True)
        return found

    def stop(self):
        self.counters.stop()
        found = self.publish(0.0)
        self.counters.close()
        return found


def energy_in(payload):
    return json.loads(payload)["batteries"].get("A", {}).get("energy_in", 0.0)
