"""Tables of changes in, what is no chance out.

The measure is G of a table, 2 N times its mutual information in nats.  It is divided by how much
larger chance alone may make it here.  All changes of an episode count once, whether they are of
many batteries or of one burst.  Longer bursts, activity and rhythms make tables at other lags
larger, too.  What is left is compared with chi squared of four degrees, after correction for all
that was compared (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, log1p, log10
from statistics import fmean
from typing import NamedTuple

from .changes import EPISODE, NEAR, ChangeSignal, Coincidence, SignedChanges
from .known import KNOWN, Known

CLAIM_P = 0.001
"""A relation is claimed if chance makes any such one in fewer of so many explorations."""
FEWEST = 4
"""A signal that changed in fewer episodes is never claimed to follow anything."""
FEWEST_FAR = 10
"""Nothing is claimed if fewer of the far lags have pairs: recordings of 160 cycles have these."""
GREATEST = 3
"""The greatest of some fifty lags is by chance so many times the mean of one, which is the degrees
of freedom."""


class Association(NamedTuple):
    """A signal whose changes go with those of a known number, ``lag`` cycles after it.

    ``together`` of ``changes`` of the signal were with one of the known number. ``information``
    is mutual information in bits for each reading, ``entropy`` the most that it could be.
    ``log_p`` is the decimal logarithm of p, corrected.
    """

    signal: ChangeSignal
    known: Known
    lag: int
    same_way: bool
    together: int
    changes: int
    information: float
    entropy: float
    log_p: float

    @property
    def claimed(self) -> bool:
        """Whether that is no chance."""
        return self.log_p <= log10(CLAIM_P)


def associations(changes: SignedChanges) -> dict[ChangeSignal, list[Association]]:
    """For each signal that changed, all known numbers that did, the best first."""
    judge = _Judge(changes)
    found = {}
    for signal in judge.signals:
        rows = changes.together(signal)
        every = [judge.association(signal, at, rows) for at in judge.moving]
        found[signal] = sorted(every, key=lambda each: (each.log_p, -each.information))
    return found


class _Judge:
    """Compares signals with known numbers, by their changes."""

    def __init__(self, changes: SignedChanges) -> None:
        self.signals = changes.signals()
        self._changes = changes
        self._known = changes.of_known()
        self.moving = [at for at, counts in enumerate(self._known) if any(counts)]
        self._compared = len(self.moving) * len(self.signals) * len(NEAR)
        # At the ends of a recording one of the two is missing, for as long as the lag is.
        self._columns = {
            at: [_column(self._known[at], paired, changes.steps) for paired in changes.paired]
            for at in self.moving
        }

    def association(
        self, signal: ChangeSignal, at: int, rows: Sequence[Coincidence]
    ) -> Association:
        """With the number at a place in KNOWN; a row for each of LAGS."""
        changes = self._changes
        counts, columns = changes.of_signal(signal), self._known[at]
        episodes = changes.episodes[signal]
        measures = [
            _measure(row, at, column) for row, column in zip(rows, self._columns[at], strict=True)
        ]
        near, beyond = measures[: len(NEAR)], changes.paired[len(NEAR) :]
        far = [each for each, pairs in zip(measures[len(NEAR) :], beyond, strict=True) if pairs]
        best = max(range(len(NEAR)), key=near.__getitem__)
        freedom = _kinds(counts) * _kinds(columns)
        # Lags nearer to the best one may share in it.
        others = [each for place, each in enumerate(near) if abs(place - best) > EPISODE]
        log_p = 0.0
        if episodes >= FEWEST and len(far) >= FEWEST_FAR:
            larger = max(
                1.0,
                sum(counts) / episodes,
                fmean(far) / freedom,
                max(others) / (GREATEST * freedom),
            )
            half = near[best] / larger / 2
            log_p = (log1p(half) - half + log(self._compared)) / log(10)
        row, paired = rows[best], changes.paired[best]
        table = row.tables[at]
        entropy = _entropy((row.rose, row.fell, paired - row.rose - row.fell))
        return Association(
            signal=signal,
            known=KNOWN[at],
            lag=NEAR[best],
            same_way=table.rise_rise + table.fall_fall >= table.rise_fall + table.fall_rise,
            together=sum(table),
            changes=row.rose + row.fell,
            # How often the known number changed in these pairs is estimated.
            information=min(near[best] / 2 / paired / log(2), entropy) if paired else 0.0,
            entropy=entropy,
            log_p=min(0.0, log_p),
        )


def _kinds(changes: tuple[int, int]) -> int:
    """Degrees of freedom: rising and falling, or only one of the two."""
    return sum(map(bool, changes))


class _Column(NamedTuple):
    """How often a known number rose and fell in so many readings; its margins' part of G."""

    up: float
    down: float
    paired: int
    margin: float


def _column(known: tuple[int, int], paired: int, steps: int) -> _Column:
    up, down = (count * paired / steps for count in known)
    still = paired - up - down
    return _Column(up, down, paired, _term(up) + _term(down) + _term(still) - _term(paired))


def _measure(row: Coincidence, at: int, column: _Column) -> float:
    """G of the table with the number at a place in KNOWN."""
    rise_rise, rise_fall, fall_rise, fall_fall = row.tables[at]
    rose, fell = row.rose, row.fell
    rise = rose - rise_rise - rise_fall
    fall = fell - fall_rise - fall_fall
    up = column.up - rise_rise - fall_rise
    down = column.down - rise_fall - fall_fall
    rest = column.paired - rose - fell
    cells = (rise_rise, rise_fall, fall_rise, fall_fall, rise, fall, up, down, rest - up - down)
    inside = sum([each * log(each) for each in cells if each > 0])
    rows = sum([each * log(each) for each in (rose, fell, rest) if each > 0])
    return max(0.0, 2 * (inside - rows - column.margin))


def _term(count: float) -> float:
    return count * log(count) if count > 0 else 0.0


def _entropy(counts: Sequence[int]) -> float:
    """In bits."""
    total = sum(counts)
    return (_term(total) - sum(map(_term, counts))) / total / log(2) if total else 0.0
