"""Cycles and the state of bus and broker in, what needs attention out: as a list and in the log.

The only one that asks protocol/attention.py; sinks get its list through their Context.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from .protocol.attention import Attention, Changes
from .protocol.blocks import TICK_S
from .protocol.circumstances import Circumstances
from .protocol.findings import BankFinding
from .protocol.limits import LOGGED_WITH_CAUSE, adjusted
from .protocol.reading import Reading
from .settings.attention import AttentionSettings

log = logging.getLogger(__name__)

LONGEST_GAP_S = 60.0
"""A longer gap in a recording counts as this: the clock may have been set."""


class Watch:
    """Keeps ``findings`` up to date; logs when one begins and when it ends.

    ``clock`` is the time by which the input goes, ``bus`` how the bus is, and ``health`` that of
    source and sinks.
    """

    def __init__(
        self,
        settings: AttentionSettings,
        clock: Callable[[], float],
        bus: Callable[[], Circumstances],
        health: Callable[[], dict[str, Any]],
    ) -> None:
        self.findings: tuple[BankFinding, ...] = ()
        self._attention = Attention(adjusted(asdict(settings)))
        self._logged: set[tuple[str, int | None, str | None]] = set()  # kinds and batteries
        self._problem = ""  # the source's, which it has logged itself
        self._clock, self._bus, self._health = clock, bus, health
        self._ticked = clock()

    def publish(self, cycle: list[Reading]) -> None:
        """Take a cycle, before the sinks get it."""
        now = self._clock()
        # Played fast, a recording has more seconds than there are ticks.
        for _ in range(1, int(min(now - self._ticked, LONGEST_GAP_S))):
            self._tick(self._ticked + TICK_S)
        if not 0 <= now - self._ticked < 2 * TICK_S:
            self._ticked = now
        self._take(self._attention.cycle(cycle, now))

    def tick(self) -> None:
        """A second has passed."""
        self._tick(self._clock())

    def _tick(self, now: float) -> None:
        self._ticked = now
        health = self._health()
        self._problem = health["problem"]
        broker = health.get("broker")
        away = None if broker is None else broker != "connected"
        circumstances = self._bus()._replace(broker_away=away, problem=self._problem)
        self._take(self._attention.tick(circumstances, now))

    def shown(self) -> list[dict[str, Any]]:
        """The findings, JSON-ready."""
        return [asdict(each) for each in self.findings]

    def status(self) -> str:
        """A few words for ``systemctl status``; empty if all is well.

        Not about the broker and the source's problem, which stand there in any case.
        """
        sentences = [each.sentence for each in self.findings if each.kind != "broker_away"]
        shown = [each for each in sentences if each != self._problem]
        if not shown:
            return ""
        more = f", and {len(shown) - 1} more" if len(shown) > 1 else ""
        return f"attention: {shown[0]}{more}"

    def _take(self, changes: Changes) -> None:
        self.findings = self._attention.findings
        for each in changes.begun:
            if each.kind not in LOGGED_WITH_CAUSE and each.sentence != self._problem:
                self._logged.add((each.kind, each.battery_number, each.battery_id))
                log.warning("needs attention: %s", each.sentence)
        for each in changes.ended:
            key = (each.kind, each.battery_number, each.battery_id)
            if key in self._logged:
                self._logged.remove(key)
                log.info("needs attention no more: %s", each.sentence)
