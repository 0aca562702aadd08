"""The one loop of the daemon: frames in, a call of ``publish`` for each battery cycle."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from .protocol.assembler import Assembler, Start
from .protocol.blocks import SILENCE_S, Frame
from .protocol.cycle import Cycle
from .protocol.decode import DecodeError, Decoder, Reading

log = logging.getLogger(__name__)

Publish = Callable[[list[Reading]], None]


class Bridge:
    """Joins a source of frames to ``publish``.

    Counts ``frames``, published ``cycles`` and ``undecodable`` records; what the assembler
    dropped is in ``assembler.dropped``.
    """

    def __init__(self, stage: str, publish: Publish) -> None:
        self.assembler = Assembler()
        self.frames = 0
        self.cycles = 0
        self.undecodable = 0
        self._decode = Decoder(stage)
        self._cycle = Cycle()
        self._publish = publish
        self._failing: dict[int, str] = {}  # what was last said about a battery
        self._silent = False

    def run(self, frames: Iterable[Frame | None]) -> None:
        """Take frames until there are no more; None stands for 3 s without any.

        The last cycle is published, too.
        """
        feed = self.assembler.feed
        for frame in frames:
            if frame is None:
                self._say_silent(True)
                self._wrap(self._cycle.close())
                continue
            self.frames += 1
            event = feed(*frame)
            if event is None:
                continue
            if isinstance(event, Start):
                self._say_silent(False)
                self._wrap(self._cycle.start(event.battery))
                continue
            try:
                reading = self._decode(event)
            except DecodeError as error:
                self.undecodable += 1
                if self._failing.get(event.battery) != str(error):
                    self._failing[event.battery] = str(error)
                    log.warning("%s; the battery is left out", error)
            else:
                self._failing.pop(event.battery, None)
                self._cycle.add(reading)
        self._wrap(self._cycle.close())

    def summary(self) -> str:
        """What was read and what was lost, in a line."""
        lost = dict(self.assembler.dropped)
        if self.undecodable:
            lost["undecodable"] = self.undecodable
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(lost.items()))
        return f"frames: {self.frames}, cycles: {self.cycles}, dropped blocks: {reasons or 'none'}"

    def _wrap(self, cycle: list[Reading]) -> None:
        if cycle:
            self.cycles += 1
            self._publish(cycle)

    def _say_silent(self, silent: bool) -> None:
        if silent and not self._silent:
            log.warning("no battery has said anything for %g s", SILENCE_S)
        elif self._silent and not silent:
            log.info("the batteries are back")
        self._silent = silent
