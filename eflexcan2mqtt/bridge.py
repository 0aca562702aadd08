"""The one loop of the daemon: frames in, a call of ``publish`` for each battery cycle."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from .protocol.assembler import Assembler, Record, Start
from .protocol.blocks import SILENT_TICKS, Event, Silence
from .protocol.circumstances import Circumstances
from .protocol.cycle import Cycle
from .protocol.decode import DecodeError, decode
from .protocol.loss import Bursts
from .protocol.numbers import SharedNumbers
from .protocol.reading import Reading

log = logging.getLogger(__name__)

Publish = Callable[[list[Reading]], None]

_CAUSES = (
    "check the bit rate, wiring and termination, whether the adapter loses frames, and whether two "
    "batteries have one number"
)


class Bridge:
    """Joins a source to ``publish``, which gets the readings of each cycle in full.

    Counts published ``cycles`` and ``undecodable`` records; what the assembler took and
    dropped is in ``assembler.frames`` and ``assembler.dropped``.  ``present`` is how many
    batteries the last cycle had.
    """

    def __init__(self, publish: Publish) -> None:
        self.assembler = Assembler()
        self.cycles = 0
        self.undecodable = 0
        self.present = 0
        self._cycle = Cycle()
        self._bursts = Bursts()
        self._lossy = False  # as it was logged
        self._numbers = SharedNumbers()
        self._publish = publish
        self._warned: set[tuple[int, str]] = set()  # battery and field
        self._heard = 0  # frames at the last silent second
        self._silent_s = 0

    def run(self, events: Iterable[Event]) -> None:
        """Take events until there are no more; the last cycle is published, too."""
        for event in self.assembler.events(events):
            match event:
                case Silence():
                    self._hear_silence()
                case Start(battery):
                    if self._bursts.start(battery, self.assembler.started):
                        self._judge()
                    if ended := self._cycle.start(battery):
                        self._wrap(ended)
                case Record():
                    self._bursts.complete(event.battery)
                    self._add(event)
        self._wrap(self._cycle.close())
        if self._bursts.end():
            self._judge()

    def bus(self) -> Circumstances:
        """What may need attention on the bus, and no reading tells."""
        bursts = self._bursts
        return Circumstances(
            lossy=bursts.last if bursts.lossy else None,
            incomplete=bursts.incomplete(),
            two_batteries=tuple(sorted(self._numbers.shared)),
        )

    def health(self) -> dict[str, Any]:
        """How the bus is, JSON-ready: the counters, and of the last minute's bursts ``lossy``,
        the share of ``incomplete`` ones and the batteries that were ``never_complete``; numbers
        under which ``two_batteries`` send."""
        loss = self._bursts.last
        return {
            **self.counters(),
            "lossy": self._bursts.lossy,
            "incomplete": round(loss.share, 4),
            "never_complete": list(loss.never),
            "two_batteries": sorted(self._numbers.shared),
        }

    def counters(self) -> dict[str, Any]:
        """``frames``, ``cycles`` and, by reason, ``dropped`` blocks since the start."""
        dropped: dict[str, int] = dict(sorted(self.assembler.dropped.items()))
        if self.undecodable:
            dropped["undecodable"] = self.undecodable
        return {"frames": self.assembler.frames, "cycles": self.cycles, "dropped": dropped}

    def summary(self) -> str:
        """What was read and what was lost, in a line."""
        frames, cycles, dropped = self.counters().values()
        reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
        return f"frames: {frames}, cycles: {cycles}, dropped blocks: {reasons or 'none'}"

    def _hear_silence(self) -> None:
        # Any frame breaks a silence, also one that begins or completes nothing.
        heard, self._heard = self._heard, self.assembler.frames
        self._silent_s = self._silent_s + 1 if heard == self._heard else 1
        if self._silent_s == SILENT_TICKS:
            self._wrap(self._cycle.close())

    def _add(self, record: Record) -> None:
        try:
            reading = decode(record)
        except DecodeError as error:
            self.undecodable += 1
            if (error.battery, error.key) not in self._warned:
                self._warned.add((error.battery, error.key))
                log.warning("%s; the battery is left out", error)
            return
        if self._warned:
            self._warned = {each for each in self._warned if each[0] != record.battery}
        if sentence := self._numbers.add(reading):
            log.warning("%s", sentence)
        if ended := self._cycle.add(reading):
            self._wrap(ended)

    def _judge(self) -> None:
        """There is a new verdict on the bursts of the last minute: log what has changed."""
        for number, bursts in self.assembler.overlaps.items():
            if sentence := self._numbers.overlapped(number, bursts):
                log.warning("%s", sentence)
        if self._bursts.lossy == self._lossy:
            return
        self._lossy = self._bursts.lossy
        loss = self._bursts.last
        share = f"{100 * loss.share:.0f} % of the bursts of the last minute are incomplete"
        if not self._lossy:
            log.info("the bus is no longer lossy: %s", share)
            return
        never = ", ".join(map(str, loss.never))
        whose = f", all those of number {never}" if never else ""
        log.warning("the bus is lossy: %s%s; %s", share, whose, _CAUSES)

    def _wrap(self, cycle: list[Reading]) -> None:
        if cycle:
            self.cycles += 1
            self.present = len(cycle)
            if log.isEnabledFor(logging.DEBUG):
                log.debug("cycle of %d batteries; %s", len(cycle), self.summary())
            self._publish(cycle)
