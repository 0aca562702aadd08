"""Cycles in, their energy out, in kWh: of each battery and of the bank. No I/O, no clock.

The sensor of an idle battery shows some current that does not flow.  Up to the dead-band a
current counts as none; what that leaves out is counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .bank import remember
from .reading import Reading

ENERGY = "energy"
"""What topics and arguments call the counters."""

LONGEST_S = 5.0
"""What happened in a longer pause between two readings is not known, and is not counted."""

JOULES_PER_KWH = 3_600_000.0


class Counters(NamedTuple):
    """Energy in kWh: into a battery, out of it, and what the dead-band left out."""

    energy_in: float = 0.0
    energy_out: float = 0.0
    energy_ignored: float = 0.0

    def plus(self, other: Counters) -> Counters:
        return Counters(*(mine + more for mine, more in zip(self, other, strict=True)))

    def since(self, before: Counters) -> Counters:
        """What was counted since; one that is smaller now has begun anew."""
        both = zip(self, before, strict=True)
        return Counters(*(now - then if now >= then else now for now, then in both))

    def rounded(self) -> Counters:
        """To whole watt-hours."""
        return Counters(*(round(each, 3) for each in self))


NOTHING = Counters()


@dataclass(frozen=True)
class EnergyTotals:
    """The counters of the bank and of each battery, by ``battery_id``.

    The bank's are of the sum of its batteries' powers: what one battery gives to another is in
    theirs, but not in the bank's.  ``gaps`` is how often something was left out, since no reading
    came for longer than LONGEST_S or since the clock of a recording went back.
    """

    bank: Counters = NOTHING
    batteries: Mapping[str, Counters] = field(default_factory=dict)
    gaps: int = 0

    def plus(self, now: EnergyTotals, before: EnergyTotals) -> EnergyTotals:
        """With what was counted between two snapshots of one run."""
        batteries = dict(self.batteries)
        for name, counters in now.batteries.items():
            more = counters.since(before.batteries.get(name, NOTHING))
            # Not from the copy: one that makes room for another may only be updated next.
            remember(batteries, name, self.batteries.get(name, NOTHING).plus(more))
        return EnergyTotals(
            self.bank.plus(now.bank.since(before.bank)),
            batteries,
            self.gaps + now.gaps - before.gaps,
        )


@dataclass(frozen=True)
class EnergySession(EnergyTotals):
    """What was counted since the start of the program.

    ``lifetime`` is how much each battery's ``lifetime_discharge_energy`` has risen meanwhile.
    """

    lifetime: Mapping[str, int] = field(default_factory=dict)


class _Power(NamedTuple):
    """In W: what flows into a battery, negative while it discharges, and what is left out."""

    net: float = 0.0
    ignored: float = 0.0

    def parts(self) -> tuple[float, float, float]:
        """What each of the Counters is the integral of."""
        return max(self.net, 0.0), max(-self.net, 0.0), self.ignored


class _At(NamedTuple):
    time: float
    power: _Power


class Energy:
    """Counts from cycle to cycle; ``session`` is a snapshot that is replaced whole.

    ``dead_band`` is in A for each battery; ``invert`` is whether a positive current discharges.
    """

    def __init__(self, dead_band: float, invert: bool = False) -> None:
        self.session = EnergySession()
        self._dead_band = dead_band
        self._sign = -1.0 if invert else 1.0
        self._batteries: dict[str, _At] = {}
        self._bank: _At | None = None
        self._lifetime: dict[str, int] = {}  # at first, by battery_id

    def cycle(self, cycle: Sequence[Reading], now: float) -> None:
        """Take the readings of a cycle; ``now`` is the time by which the input goes."""
        batteries, lifetime = dict(self.session.batteries), dict(self.session.lifetime)
        gap = False
        for reading in cycle:
            name, latest = reading["battery_id"], _At(now, self._power(reading))
            more, left_out = _between(self._batteries.get(name), latest)
            gap |= left_out
            remember(self._batteries, name, latest)
            remember(batteries, name, batteries.get(name, NOTHING).plus(more))
            discharged = reading["lifetime_discharge_energy"]
            remember(self._lifetime, name, self._lifetime.get(name, discharged))
            remember(lifetime, name, discharged - self._lifetime[name])
        whole = _At(
            now, _sum(each.power for each in self._batteries.values() if recent(each.time, now))
        )
        more, left_out = _between(self._bank, whole)
        self._bank = whole
        self.session = EnergySession(
            *(self.session.bank.plus(more), batteries, self.session.gaps + (gap or left_out)),
            lifetime,
        )

    def _power(self, reading: Reading) -> _Power:
        amps = reading["battery_current"]
        watts = self._sign * reading["battery_voltage"] * amps
        return _Power(0.0, abs(watts)) if abs(amps) <= self._dead_band else _Power(watts)


def unit_hints(session: EnergySession) -> dict[str, float]:
    """By ``battery_id``: how much ``lifetime_discharge_energy`` rose for each Wh counted out.

    Only of the batteries of which both have risen.
    """
    return {
        name: risen / (1000 * session.batteries[name].energy_out)
        for name, risen in session.lifetime.items()
        if risen > 0 and session.batteries[name].energy_out > 0
    }


def recent(then: float, now: float) -> bool:
    """Whether a reading of then still holds now, or is too old or of before the clock went back."""
    return 0 <= now - then <= LONGEST_S


def _sum(powers: Iterable[_Power]) -> _Power:
    found = list(powers)
    return _Power(sum(each.net for each in found), sum(each.ignored for each in found))


def _between(before: _At | None, now: _At) -> tuple[Counters, bool]:
    """The energy between two moments, and whether it had to be left out."""
    if before is None:
        return NOTHING, False
    if not recent(before.time, now.time):
        return NOTHING, True
    seconds = now.time - before.time
    pairs = zip(before.power.parts(), now.power.parts(), strict=True)
    return Counters(*((then + here) / 2 * seconds / JOULES_PER_KWH for then, here in pairs)), False
