"""Cycles in, the list of what needs attention out. No I/O, no clock, no logging.

This is the one place that decides it; limits.py has the limits, measures.py what they judge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from .bank import remember
from .circumstances import (
    Circumstances,
    away_words,
    lossy_words,
    missing_words,
    stale_words,
    two_batteries_words,
)
from .findings import BankFinding
from .limits import LIMITS, Limit
from .measures import OF_BANK, OF_BATTERY, Words, mean_current
from .numbers import FORGET_S
from .reading import Reading

STEP_S = 5.0
"""A longer pause counts as this: it is no evidence of what was in it, and a clock may jump."""

RECENT_S = 10.0
"""Batteries are compared by readings that are no older."""

PAUSE_S = 3600.0
"""What could not be judged for longer begins anew: it is no evidence of what was before."""

CLOCK_STEP_S = 2.0
"""If the times of the frames and the clock differ by more than before, one of them was set."""

Battery = tuple[int, str]
"""Its number and its id: two batteries may have one number, for a while or by mistake."""


class Changes(NamedTuple):
    """The findings that began, and those that ended."""

    begun: list[BankFinding]
    ended: list[BankFinding]


@dataclass
class _Episode:
    """A limit that is crossed, or about to be: what it was about, and for how long.

    ``began`` is by the caller's clock, ``judged`` by the time that has passed.  ``lasted`` is how
    long it has been beyond the limit, or once ``found``, back from it; None while it is not.
    """

    limit: Limit
    began: float
    judged: float
    battery: Battery | None = None
    lasted: float | None = None
    found: bool = False
    value: float = 0.0
    words: Words = (None, "")


class Attention:
    """The findings on one bank.

    ``now`` is seconds by any clock that goes with the cycles: monotonic for a bus, that of the
    frames for a recording.  It may jump either way.  The memory is bounded: only so many
    batteries are remembered.
    """

    def __init__(self, limits: Sequence[Limit] = LIMITS) -> None:
        self._limits = {each.kind: each for each in limits}
        self._order = {kind: place for place, kind in enumerate(self._limits)}
        self._episodes: dict[tuple[str, Battery | None], _Episode] = {}
        self._latest: dict[Battery, tuple[float, Reading]] = {}  # when it came, and what
        self._now = nan  # until the first call
        self._passed = 0.0  # since then, without jumps
        self._to_epoch: float | None = None  # what the caller's clock lacks to seconds since 1970
        self._offset = nan  # what would have been _to_epoch in the last cycle
        self._silent = True  # no cycle since the last tick
        self._incomplete: frozenset[int] = frozenset()
        self._changes = Changes([], [])

    @property
    def findings(self) -> tuple[BankFinding, ...]:
        """What needs attention now, the worst first, then by kind and battery."""
        found = [key for key, each in self._episodes.items() if each.found]
        found.sort(key=lambda key: (self._order[key[0]], key[1] or ()))
        return tuple(self._finding(self._episodes[key]) for key in found)

    def cycle(self, cycle: Sequence[Reading], now: float) -> Changes:
        """Take the readings of a cycle; return what began and what ended by it."""
        self._pass(now)
        self._silent = False
        for reading in cycle:
            battery = (reading["battery_number"], reading["battery_id"])
            remember(self._latest, battery, (self._passed, reading))
        if cycle:
            self._set_clock(max(each["time"] for each in cycle) - now)
        recent = [
            reading for came, reading in self._latest.values() if self._passed - came <= RECENT_S
        ]
        mean = mean_current(recent)
        for reading in cycle:
            self._judge_battery(reading, mean)
        for of_bank in OF_BANK:
            value = of_bank.value(recent) if len(recent) > 1 else 0.0
            self._judge(of_bank.kind, value, None, of_bank.words, recent)
        self._judge_absent({each["battery_number"] for each in cycle})
        self._judge("stale", False, None, stale_words)
        return self._changed()

    def tick(self, circumstances: Circumstances, now: float) -> Changes:
        """A second has passed, with or without cycles; return what began and what ended."""
        self._pass(now)
        silent, self._silent = self._silent, True
        lossy, self._incomplete, two_batteries, away, problem = circumstances
        self._judge("stale", silent, None, stale_words, problem)
        self._judge("lossy", lossy is not None, None, lossy_words, lossy)
        self._judge("two_batteries", bool(two_batteries), None, two_batteries_words, two_batteries)
        if away is not None:
            self._judge("broker_away", away, None, away_words)
        return self._changed()

    def _pass(self, now: float) -> None:
        step = now - self._now
        self._passed += min(step, STEP_S) if step > 0 else 0.0
        self._now = now

    def _set_clock(self, to_epoch: float) -> None:
        # Readings' times are whole seconds, and the last cycle before a silence is late: what a
        # finding says must not waver by that.
        steady = abs(to_epoch - self._offset) <= CLOCK_STEP_S
        self._offset = to_epoch
        if self._to_epoch is None or (steady and abs(to_epoch - self._to_epoch) > CLOCK_STEP_S):
            self._to_epoch = to_epoch

    def _judge_battery(self, reading: Reading, mean: float | None) -> None:
        battery = (reading["battery_number"], reading["battery_id"])
        for measure in OF_BATTERY:
            value = measure.value(reading, mean)
            if value is not None:
                self._judge(measure.kind, value, battery, measure.words, reading, mean)

    def _judge_absent(self, present: set[int]) -> None:
        """Judge what is missing of what was there; forget the batteries that were replaced."""
        for battery, (came, _) in tuple(self._latest.items()):
            number = battery[0]
            if self._passed - came > FORGET_S and number in present:
                del self._latest[battery]
            absent = number not in present and number not in self._incomplete
            if absent or self._episodes:
                self._judge("missing", absent, battery, missing_words)
        for key, episode in tuple(self._episodes.items()):
            if key[1] and key[1] not in self._latest:
                del self._episodes[key]
                if episode.found:
                    self._changes.ended.append(self._finding(episode))

    def _judge(
        self,
        kind: str,
        value: float,
        battery: Battery | None,
        words: Callable[..., Words],
        *of: object,
    ) -> None:
        """Begin, continue or end an episode; ``words`` are made ``of`` these if it is one."""
        key = (kind, battery)
        limit, episode = self._limits[kind], self._episodes.get(key)
        if episode and not episode.found and self._passed - episode.judged > PAUSE_S:
            del self._episodes[key]
            episode = None
        if episode is None:
            if not limit.beyond(value, found=False):
                return
            episode = self._episodes[key] = _Episode(limit, self._now, self._passed, battery)
        beyond = limit.beyond(value, episode.found)
        step, episode.judged = min(self._passed - episode.judged, STEP_S), self._passed
        if beyond:
            episode.value, episode.words = value, words(*of)
        if beyond == episode.found:
            episode.lasted = None
        else:
            episode.lasted = 0.0 if episode.lasted is None else episode.lasted + step
            if episode.lasted >= (limit.after_s if beyond else limit.clear_s):
                episode.found, episode.lasted = beyond, None
                changed = self._changes.begun if beyond else self._changes.ended
                changed.append(self._finding(episode))
        if not beyond and not episode.found:
            del self._episodes[key]

    def _changed(self) -> Changes:
        changes, self._changes = self._changes, Changes([], [])
        return changes

    def _finding(self, episode: _Episode) -> BankFinding:
        limit, (cell, words) = episode.limit, episode.words
        number, battery_id = episode.battery or (None, None)
        return BankFinding(
            kind=limit.kind,
            severity=limit.severity,
            battery_number=number,
            battery_id=battery_id,
            cell=cell,
            value=episode.value if limit.unit else None,
            unit=limit.unit,
            since=None if self._to_epoch is None else round(self._to_epoch + episode.began),
            sentence=words if number is None else f"Battery {number}: {words}",
        )
