"""Arrays in, from the bus loop; what the page shows out, to as many threads as look. No HTTP.

The bus loop never waits here for anybody who looks: it leaves finished texts and goes on.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ...protocol.bank import remember, spread, totals
from ...protocol.decode import Reading
from ..json_lines import to_json

SAMPLE_S, SAMPLES = 60.0, 360
"""Six hours of lines, a point a minute."""

ABSENT_CYCLES = 3
"""A battery that was in none of so many cycles is no longer recent."""

LATE_S = 10.0
"""Without a cycle for so long, the bus counts as gone."""


class Board:
    """The latest array, the last words of each battery, and the last hours."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._cycles = 0
        self._array = "[]"
        self._event = "{}"
        self._heard: float | None = None
        self._known: dict[str, Reading] = {}
        self._seen: dict[str, int] = {}  # in which cycle each was
        self._samples: deque[tuple[int, dict[str, list[float]]]] = deque(maxlen=SAMPLES)
        self._sampled = -SAMPLE_S
        self._state: dict[str, Any] = {}

    def publish(self, cycle: list[Reading]) -> None:
        """Show a cycle to everybody who looks."""
        array = to_json(cycle)
        event = f'{{"bank": {json.dumps(totals(cycle))}, "batteries": {array}}}'
        now = self._clock()
        with self._changed:
            self._array, self._event, self._heard = array, event, now
            for reading in cycle:
                remember(self._known, reading["battery_id"], reading)
                remember(self._seen, reading["battery_id"], self._cycles)
            if now - self._sampled >= SAMPLE_S:
                self._sampled = now
                self._samples.append(
                    (cycle[0]["time"], {r["battery_id"]: _sample(r) for r in cycle})
                )
            self._cycles += 1
            self._changed.notify_all()

    def tell(self, **state: Any) -> None:
        """How the bridge is: broker, counters; JSON-ready."""
        self._state = state

    def array(self) -> str:
        """The latest array, as JSON."""
        return self._array

    def health(self) -> dict[str, Any]:
        """How the bridge is; ``healthy`` is whether a cycle came in the last 10 s."""
        heard = self._heard
        age = None if heard is None else round(self._clock() - heard, 1)
        healthy = age is not None and age < LATE_S
        return {"healthy": healthy, "bus": "ok" if healthy else "silent", "cycle_age_s": age} | (
            self._state
        )

    def recent(self) -> list[Reading]:
        """The last words of each battery that was in one of the last cycles, by its number."""
        if not self.health()["healthy"]:
            return []
        with self._changed:
            found = [
                reading
                for battery_id, reading in self._known.items()
                if self._cycles - self._seen[battery_id] <= ABSENT_CYCLES
            ]
        return sorted(found, key=lambda reading: int(reading["battery_number"]))

    def past(self) -> str:
        """What a page needs that has just been opened, as JSON."""
        with self._changed:
            return json.dumps({"known": list(self._known.values()), "samples": list(self._samples)})

    def wait(self, seen: int, timeout_s: float) -> tuple[int, str]:
        """The number and the text of the latest cycle, once it is not the one that was seen."""
        with self._changed:
            self._changed.wait_for(lambda: self._cycles != seen, timeout_s)
            return self._cycles, self._event


def _sample(reading: Reading) -> list[float]:
    return [reading["battery_soc"], reading["battery_current"], spread(reading)]
