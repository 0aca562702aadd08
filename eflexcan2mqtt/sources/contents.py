"""Frames that are no battery's in, a sentence on what they are out."""

from __future__ import annotations

from collections import Counter

from ..protocol.blocks import OUR_IDS
from .formats import Logged

_MOST_IDS = 1000
_SHOWN_IDS = 5


class Contents:
    """Counts the frames of a recording that are none of a battery."""

    def __init__(self) -> None:
        self._ids: Counter[int] = Counter()
        self._extended: Counter[int] = Counter()
        self._errors = 0
        self._others = 0

    def add(self, logged: Logged) -> None:
        """Count a frame."""
        if logged.kind == "error":
            self._errors += 1
        elif not logged.extended and logged.can_id in OUR_IDS:
            self._others += 1  # of another kind or length
        else:
            ids = self._extended if logged.extended else self._ids
            if logged.can_id in ids or len(ids) < _MOST_IDS:
                ids[logged.can_id] += 1

    def summary(self, damaged: int) -> str:
        """What there is instead of a battery's frames, and what that may mean."""
        parts = []
        if self._ids:
            parts.append(f"{self._ids.total()} frames of other ids ({_shown(self._ids, 3)})")
        if self._extended:
            shown = _shown(self._extended, 8)
            parts.append(f"{self._extended.total()} frames of extended ids ({shown})")
        if self._others:
            parts.append(f"{self._others} frames of battery ids that are not data of 8 bytes")
        if self._errors:
            parts.append(f"{self._errors} error frames (was the bus set to another bit rate?)")
        if damaged:
            parts.append(f"{damaged} damaged lines (is it a recording?)")
        return f"found instead: {', '.join(parts)}" if parts else "it is empty"


def _shown(ids: Counter[int], digits: int) -> str:
    shown = ", ".join(f"{each:0{digits}X}" for each, _ in ids.most_common(_SHOWN_IDS))
    more = len(ids) - _SHOWN_IDS
    return f"{shown} and {more} more" if more > 0 else shown
