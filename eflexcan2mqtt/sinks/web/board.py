"""Cycles in, from the bus loop; what the page shows out, to the threads of its server. No HTTP.

The bus loop never waits for a client here: it leaves finished texts for them.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from ...protocol.bank import bank_facts, remember, totals
from ...protocol.blocks import STALE_S
from ...protocol.facts import facts
from ...protocol.outlook import Pace
from ...protocol.reading import Reading
from ..json_lines import to_json
from .notes import notes

LATE_S = 10.0
"""Without a frame for so long, the bus is silent and the bridge is not healthy."""

BUS_STATES = OK, LOSSY, SILENT = "ok", "lossy", "silent"


class Board:
    """The latest cycle, and the latest reading of each battery.

    ``capacity_kwh`` is that of the bank; 0 is what its batteries have by their model.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, capacity_kwh: float = 0.0
    ) -> None:
        self._clock = clock
        self._started = clock()
        self._pace = Pace(capacity_kwh)
        self._changed = threading.Condition()
        self._cycles = 0
        self._array = "[]"
        self._event = "{}"
        self._heard: float | None = None
        self._known: dict[str, tuple[float, Reading]] = {}  # when it was published, and what
        self._state: dict[str, Any] = {}
        self._frame: float | None = None  # when the last frames came

    def publish(self, cycle: list[Reading]) -> None:
        """Show a cycle to all clients."""
        now = self._clock()
        array, bank = to_json(cycle), totals(cycle)
        event = {
            "bank": {**bank, **bank_facts(bank), **self._pace.cycle(bank)},
            "facts": {each["battery_id"]: facts(each) for each in cycle},
        }
        text = f'{json.dumps(event)[:-1]}, "batteries": {array}}}'
        with self._changed:
            self._array, self._event = array, text
            self._heard = self._frame = now
            for reading in cycle:
                remember(self._known, reading["battery_id"], (now, reading))
            self._cycles += 1
            self._changed.notify_all()

    def set_state(self, **state: Any) -> None:
        """Take the state of the bridge, broker and counters; JSON-ready."""
        if state.get("frames") != self._state.get("frames", 0):
            self._frame = self._clock()
        self._state = state

    def array(self) -> str:
        """The readings of the latest cycle, as JSON."""
        return self._array

    def health(self) -> dict[str, Any]:
        """The state of the bridge; ``healthy`` is whether a frame came in the last 10 s.

        ``bus`` is one of BUS_STATES.
        """
        now, state = self._clock(), self._state
        healthy = self._frame is not None and now - self._frame < LATE_S
        bus = SILENT if not healthy else LOSSY if state.get("lossy") else OK
        age = None if self._heard is None else round(now - self._heard, 1)
        up = round(now - self._started)
        return {"healthy": healthy, "bus": bus, "cycle_age_s": age, "uptime_s": up} | state

    def news(self) -> dict[str, Any]:
        """The health, and what the page shows of it: ``old`` is whether the bank's values are."""
        health = self.health()
        age = health["cycle_age_s"]
        old = age is None or age >= STALE_S
        return {**health, "stale": self.stale(), "old": old, "notes": notes(health)}

    def recent(self) -> list[Reading]:
        """The latest readings of the batteries that are not stale, by battery number."""
        now = self._clock()
        with self._changed:
            found = [each for heard, each in self._known.values() if now - heard < STALE_S]
        return sorted(found, key=lambda reading: reading["battery_number"])

    def stale(self) -> dict[str, int]:
        """The batteries that are stale: seconds since the latest reading, by battery_id."""
        now = self._clock()
        with self._changed:
            ages = {name: now - heard for name, (heard, _) in self._known.items()}
        return {name: round(age) for name, age in ages.items() if age >= STALE_S}

    def past(self) -> str:
        """What a client needs that has just connected, as JSON."""
        with self._changed:
            known = [reading for _, reading in self._known.values()]
        found = {each["battery_id"]: facts(each) for each in known}
        return json.dumps({"known": known, "facts": found})

    def wait(self, seen: int, timeout_s: float) -> tuple[int, str]:
        """The number and the text of the latest cycle, once its number is not ``seen``."""
        with self._changed:
            self._changed.wait_for(lambda: self._cycles != seen, timeout_s)
            return self._cycles, self._event
