"""A cycle in, the bank's values for programs that take one number a topic, out."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ...protocol.bank import BANK, totals
from ...protocol.reading import Reading
from ..message import Announcer, Message

SHOWN = ("battery_soc", "battery_voltage", "battery_current", "power", "charge_current_limit")
"""These of the TOTALS; their topics have the keys without ``battery_``."""


class BankValues(Announcer):
    """Sends each value with each cycle; not retained, since an old one looks like a new one."""

    def __init__(self, topic: str) -> None:
        self._topic = f"{topic}/{BANK}"

    def states(self, cycle: list[Reading], now: float) -> Iterator[Message]:
        """The values of a cycle."""
        whole = totals(cycle)
        for key in SHOWN:
            topic = f"{self._topic}/{key.removeprefix('battery_')}"
            yield Message(topic, json.dumps(whole[key]).encode(), qos=0, keep=False)
