"""Cycles and the state of bus and broker in, what needs attention out: as a list and in the log.

The only one that asks protocol/attention.py; sinks get its list through their Context.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from .protocol.attention import Attention, Changes, Circumstances
from .protocol.findings import BankFinding
from .protocol.limits import LOGGED_WITH_CAUSE, adjusted
from .protocol.loss import Loss
from .protocol.reading import Reading
from .settings.attention import AttentionSettings

log = logging.getLogger(__name__)


class Watch:
    """Keeps ``findings`` up to date; logs when one begins and when it ends.

    ``clock`` is the time by which the input goes.
    """

    def __init__(self, settings: AttentionSettings, clock: Callable[[], float]) -> None:
        self.findings: tuple[BankFinding, ...] = ()
        self._attention = Attention(adjusted(asdict(settings)))
        self._logged: set[tuple[str, int | None]] = set()  # kinds and batteries
        self._problem = ""  # the source's, which it has logged itself
        self._clock = clock

    def publish(self, cycle: list[Reading]) -> None:
        """Take a cycle, before the sinks get it."""
        self._take(self._attention.cycle(cycle, self._clock()))

    def tick(self, lossy: Loss | None, health: dict[str, Any]) -> None:
        """A second has passed; ``health`` is that of source and sinks."""
        broker = health.get("broker")
        away = None if broker is None else broker != "connected"
        now = self._clock()
        self._problem = health["problem"]
        self._take(self._attention.tick(Circumstances(lossy, away, self._problem), now))

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
                self._logged.add((each.kind, each.battery_number))
                log.warning("needs attention: %s", each.sentence)
        for each in changes.ended:
            if (each.kind, each.battery_number) in self._logged:
                self._logged.remove((each.kind, each.battery_number))
                log.info("needs attention no more: %s", each.sentence)
