"""Readings in, messages for Home Assistant out. No MQTT client, no I/O, no clock.

Each battery is a device and the bank is one, with an entity for each field of the field table,
described in MQTT discovery messages (of devices, as Home Assistant 2024.11 and later take them).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from ...protocol.array import array_of
from ...protocol.bank import BANK, BATTERY_KWH, remember, totals
from ...protocol.facts import facts
from ...protocol.reading import Reading
from ...settings.schema import HomeAssistant, Mqtt
from ..message import Announcer, Message
from .attention import AttentionMessage, List, problems
from .devices import Devices
from .schedule import Schedule

GONE_S = 5.0
"""A battery that was in no cycle for so long has left; one lost frame is no departure."""

Urgent = Literal[
    "alarm_status", "charge_relay_status", "discharge_relay_status", "precharge_relay_status"
]
# What an owner wants to see at once when it changes.
_URGENT: tuple[Urgent, ...] = (
    "alarm_status",
    "charge_relay_status",
    "discharge_relay_status",
    "precharge_relay_status",
)


class Discovery(Announcer):
    """Describes one bank to Home Assistant, and shows its values.

    ``attention`` returns the list of what needs attention; ``page_url`` opens the page, if there
    is one.  ``capacity_kwh`` is that of the bank; 0 is what its batteries have by their model.
    """

    def __init__(
        self,
        config: HomeAssistant,
        mqtt: Mqtt,
        *,
        attention: List = tuple,
        page_url: str = "",
        capacity_kwh: float = 0.0,
    ) -> None:
        self.topics = (f"{config.prefix}/status",)
        self._devices = Devices(config, mqtt, page_url)
        self._attention = AttentionMessage(self._devices.attention_topic, attention)
        self._array_of = array_of(mqtt.fields)
        self._capacity_kwh = capacity_kwh
        self._schedule = Schedule(config.interval)
        self._described: dict[str, Any] = {}  # how each device was last described
        self._unanswered: set[str] = set()  # topics of descriptions
        self._behind = False  # whether there was no room for all that is due
        self._urgent: dict[str, Any] = {}  # what each device last showed of what is urgent
        self._heard: dict[str, float] = {}  # when each battery was last in a cycle

    def connected(self) -> None:
        """Make every description and all values due again."""
        self._described.clear()
        self._unanswered.clear()
        self._attention.repeat()
        self._schedule.soon()

    def received(self, message: Message) -> None:
        """Home Assistant has started, or goes."""
        if message.payload == b"online":
            self.connected()

    def due(self, cycle: list[Reading], now: float) -> Iterator[Message]:
        """What needs attention, and the descriptions that are new or changed."""
        yield from self._attention.due(now)
        self._behind = True
        for message in self._descriptions(cycle):
            yield message
            self._unanswered.add(message.topic)  # only now it has been sent
        self._behind = False

    def answered(self, message: Message, *, taken: bool) -> None:
        """One less that values wait for."""
        self._unanswered.discard(message.topic)

    def _descriptions(self, cycle: list[Reading]) -> Iterator[Message]:
        """The bank is described first, for the others name it."""
        if cycle and BANK not in self._described:
            yield _description(self._devices.config_topic(BANK), self._devices.bank())
            self._described[BANK] = True
            self._schedule.soon()
        for reading in cycle:
            name = reading["battery_id"]
            identity = (
                *(reading["software_version"], reading["hardware_version"]),
                reading["battery_number"],
            )
            if self._described.get(name) != identity:
                yield _description(self._devices.config_topic(name), self._devices.battery(reading))
                self._described[name] = identity
                self._schedule.soon()

    def states(self, cycle: list[Reading], now: float) -> Iterator[Message]:
        """What the entities show, as far as it is due: an object for the bank and one for each
        battery.  Entities that are not described yet would not hear it."""
        if self._behind or self._unanswered:
            return
        everything = self._schedule.due(now)
        troubled = problems(self._attention.findings())
        present = self._present(cycle, now)
        worst = min(each["alarm_status"] for each in cycle)
        if self._changed(BANK, (present, worst, bool(troubled))) or everything:
            whole = totals(cycle)
            bank = {each.key: whole[each.key] for each in self._devices.totals}
            by_model = round(BATTERY_KWH * whole["batteries_in_system"], 1)
            more = {"capacity": self._capacity_kwh or by_model, "problem": bool(troubled)}
            yield self._state(BANK, {**bank, **more})
        for reading, battery in zip(cycle, self._array_of(cycle), strict=True):
            name = reading["battery_id"]
            problem = name in troubled
            urgent = (problem, *(reading[key] for key in _URGENT))
            if self._changed(name, urgent) or everything:
                found = facts(reading)
                facts_shown = {key: found[key] for key in ("power", "cell_spread")}
                yield self._state(name, {**battery, **facts_shown, "problem": problem})

    def forgotten(self, battery_id: str) -> list[Message]:
        """What clears a battery, or the bank, that has left for good."""
        topics = [self._devices.config_topic(battery_id), self._devices.state_topic(battery_id)]
        if battery_id == BANK:
            topics.append(self._devices.attention_topic)
        return [Message(topic, b"", retain=True) for topic in topics]

    def _present(self, cycle: list[Reading], now: float) -> set[str]:
        """The batteries that are there; what one showed before it left does not count."""
        for reading in cycle:
            remember(self._heard, reading["battery_id"], now)
        for name in [name for name, at in self._heard.items() if now - at > GONE_S]:
            del self._heard[name]
            self._urgent.pop(name, None)
        return set(self._heard)

    def _changed(self, name: str, urgent: Any) -> bool:
        changed: bool = self._urgent.get(name) != urgent
        remember(self._urgent, name, urgent)
        return changed

    def _state(self, name: str, values: Mapping[str, Any]) -> Message:
        # The next one comes soon.
        return Message(self._devices.state_topic(name), _packed(values), qos=0, keep=False)


def _description(topic: str, content: Mapping[str, Any]) -> Message:
    return Message(topic, _packed(content), retain=True)


def _packed(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()
