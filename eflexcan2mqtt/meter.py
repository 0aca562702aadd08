"""Cycles in, the energy since the start out: as a snapshot, and once a day a line in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from .protocol.energy import Energy, EnergySession, unit_hints
from .protocol.reading import Reading
from .settings.energy import EnergySettings

log = logging.getLogger(__name__)

DAY_S = 86_400.0


class Meter:
    """Asks protocol/energy.py; ``clock`` is the time by which the input goes."""

    def __init__(self, settings: EnergySettings, clock: Callable[[], float]) -> None:
        self._energy = Energy(settings.dead_band, settings.invert)
        self._clock = clock
        self._day: float | None = None  # since when no line was logged

    def session(self) -> EnergySession:
        """What was counted; any thread may ask."""
        return self._energy.session

    def publish(self, cycle: Sequence[Reading]) -> None:
        """Take a cycle, before the sinks get it."""
        now = self._clock()
        self._energy.cycle(cycle, now)
        if self._day is None or now < self._day:
            self._day = now
        if now - self._day >= DAY_S:
            self._day = now
            for name, ratio in unit_hints(self.session()).items():
                log.debug(
                    "%s: lifetime_discharge_energy rose by %.3f for each Wh in energy_out",
                    name,
                    ratio,
                )
