"""How many arrays had to be dropped in; a line when it begins, and one when it is over, out."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


class DropLog:
    """Logs arrays that were dropped because there was no room for more of them."""

    def __init__(self, name: str, *, alone: bool = True) -> None:
        """``alone`` is whether there is one broker, else ``name`` names several."""
        self._name = name
        self._back = "it is back" if alone else "one of them is back"
        self._away = "the broker was away" if alone else "all brokers were away"
        self._logged = 0
        self._full = False

    def check(self, count: int, over: bool) -> None:
        """Take how many were dropped until now; ``over`` is whether there is room again."""
        dropped = count - self._logged
        if dropped and not self._full:
            self._full = True
            log.warning(
                "%s: no room for more arrays: the oldest are lost until %s", self._name, self._back
            )
        if dropped and over:
            self._logged = count
            self._full = False
            log.warning(
                "%s: dropped the %d oldest arrays: %s for too long",
                *(self._name, dropped, self._away),
            )
