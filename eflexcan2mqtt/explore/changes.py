"""Signed changes of unknown and known numbers in, how often they came together out, for each lag.

Levels of two slow signals nearly always look related: both drift.  Their changes do not, so only
the signs of changes are compared.  For each signal and lag there is a table of 3 by 3: unknown
risen, fallen or as before, against known risen, fallen or as before.  The memory for it does not
depend on how long a recording is.
"""

from __future__ import annotations

import sys
from array import array
from collections import Counter, deque
from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from .known import KNOWN

LEAD = 5
"""An unknown byte may change so many cycles before a known field does."""
LONGEST_LAG = 60
"""And so many after it."""
NEAR = tuple(range(-LEAD, LONGEST_LAG + 1))
"""The lags that may be claimed."""
FAR = tuple(range(LONGEST_LAG + 30, LONGEST_LAG + 240, 7))
"""Lags that show how often changes come together by chance, as their bursts and rhythms are."""
LAGS = NEAR + FAR
EPISODE = 8
"""Changes within so many cycles after a first one are one episode: they may come in one burst."""

WHOLE = 8
"""In the place of the number of a bit: the whole byte."""

_LANES = 2 * len(KNOWN) + 1  # risen, fallen, and 1 for a reading that there was
_LANE = "I"
_LANE_BYTES = array(_LANE).itemsize
_NOTHING = bytes(_LANES * _LANE_BYTES)
_DEPTH = LAGS[-1] + LEAD + 1
_pick = itemgetter(*(_DEPTH - 1 - LEAD - lag for lag in LAGS))


class ChangeSignal(NamedTuple):
    """An unknown byte, by its place in UNCLAIMED, or a bit of it, from 0 for the lowest."""

    byte: int
    bit: int = WHOLE


class CommonChanges(NamedTuple):
    """How often a signal and a known number changed together: first word the signal's."""

    rise_rise: int
    rise_fall: int
    fall_rise: int
    fall_fall: int


class Coincidence(NamedTuple):
    """At one lag: how often a signal rose and fell with a known reading so long before, and the
    tables with each of KNOWN."""

    rose: int
    fell: int
    tables: list[CommonChanges]


class ChangeTally:
    """Adds up rows of 32-bit counters, each row as one great number: one addition for all.

    That is some thousand times as fast as a loop over the counters, and needs no package.  A
    counter is full after 4 billion readings.
    """

    def __init__(self, lanes: int) -> None:
        self._size = lanes * _LANE_BYTES
        self._sum = 0

    def add(self, row: int) -> None:
        self._sum += row

    def totals(self) -> array[int]:
        """What each counter has come to."""
        return array(_LANE, self._sum.to_bytes(self._size, sys.byteorder))


class Track:
    """The latest changes of one battery: of known numbers, and the unknown ones not yet counted."""

    def __init__(self) -> None:
        self.age = 0  # in readings
        self.known = deque([_NOTHING] * _DEPTH, _DEPTH)
        self.waiting: deque[list[tuple[ChangeSignal, bool]]] = deque([[]] * LEAD)


class SignedChanges:
    """Counts over all batteries.

    ``steps`` counts readings that have one before them, ``paired`` those of them that have another
    one at each of LAGS; ``changed`` the changes of each signal, ``episodes`` how many pieces of
    evidence they are at least: batteries that change together are one, and so is a burst.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.paired = [0] * len(LAGS)
        self.changed: Counter[tuple[ChangeSignal, bool]] = Counter()
        self.episodes: Counter[ChangeSignal] = Counter()
        self._begun: dict[ChangeSignal, int] = {}  # the cycle in which its latest episode began
        self._known = ChangeTally(_LANES)
        self._together: dict[tuple[ChangeSignal, bool], ChangeTally] = {}

    def step(
        self,
        track: Track,
        cycle: int,
        known: tuple[Sequence[int], Sequence[int]],
        unknown: list[tuple[ChangeSignal, bool]],
    ) -> None:
        """One reading after another one: both known numbers, the signals that rose or fell."""
        risen = [new > old for old, new in zip(*known, strict=True)]
        fallen = [new < old for old, new in zip(*known, strict=True)]
        row = array(_LANE, [*risen, *fallen, 1]).tobytes()
        self.steps += 1
        track.age += 1
        self._known.add(int.from_bytes(row, sys.byteorder))
        for each in unknown:
            signal = each[0]
            self.changed[each] += 1
            if signal not in self._begun or cycle - self._begun[signal] > EPISODE:
                self._begun[signal] = cycle
                self.episodes[signal] += 1
        self._advance(track, row, unknown)

    def skip(self, track: Track, steps: int) -> None:
        """So many readings are missing."""
        for _ in range(steps):
            self._advance(track, _NOTHING, [])

    def end(self, track: Track) -> None:
        """What comes next does not follow what this track has."""
        self.skip(track, LEAD)
        for place, lag in enumerate(LAGS):
            self.paired[place] += max(0, track.age - abs(lag))

    def _advance(self, track: Track, row: bytes, unknown: list[tuple[ChangeSignal, bool]]) -> None:
        track.known.append(row)
        track.waiting.append(unknown)
        if due := track.waiting.popleft():
            rows = int.from_bytes(b"".join(_pick(tuple(track.known))), sys.byteorder)
            for each in due:
                tally = self._together.get(each)
                if tally is None:
                    tally = self._together[each] = ChangeTally(_LANES * len(LAGS))
                tally.add(rows)

    def signals(self) -> list[ChangeSignal]:
        """Those that have changed; not the bit of a byte in which no other bit has."""
        found = sorted(self.episodes)
        bits = Counter(each.byte for each in found if each.bit != WHOLE)
        return [each for each in found if each.bit == WHOLE or bits[each.byte] > 1]

    def of_signal(self, signal: ChangeSignal) -> tuple[int, int]:
        """How often it rose and fell."""
        return self.changed[signal, True], self.changed[signal, False]

    def of_known(self) -> list[tuple[int, int]]:
        """How often each of KNOWN rose and fell."""
        totals = self._known.totals()
        return list(zip(totals[: len(KNOWN)], totals[len(KNOWN) : -1], strict=True))

    def together(self, signal: ChangeSignal) -> list[Coincidence]:
        """What changed with a signal, for each of LAGS."""
        rose, fell = (self._totals(signal, rising) for rising in (True, False))
        found = []
        for start in range(0, len(rose), _LANES):
            middle, end = start + len(KNOWN), start + _LANES - 1
            parts = (rose[start:middle], rose[middle:end], fell[start:middle], fell[middle:end])
            tables = [CommonChanges(*each) for each in zip(*parts, strict=True)]
            found.append(Coincidence(rose[end], fell[end], tables))
        return found

    def _totals(self, signal: ChangeSignal, rising: bool) -> array[int]:
        tally = self._together.get((signal, rising)) or ChangeTally(_LANES * len(LAGS))
        return tally.totals()
