"""The bank, cycle by cycle, in; where its charge goes at this pace out. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from .bank import BATTERY_KWH
from .facts import AT_REST, CHARGING, flow

PACE_S = 300.0
"""The pace is a mean of about so long: a kettle must not turn hours into minutes."""

FULL_SOC, LOW_SOC, EMPTY_SOC = 100, 20, 0
"""A bank is on its way to full or to low, and below that to empty."""

LONGEST_S = 4 * 86_400.0
"""A time that is further away says nothing: sun and load will have changed."""


class Outlook(TypedDict):
    """``per_hour`` is how many percent of charge come in an hour, negative while discharging; 0
    at rest.  ``target`` is the state of charge that is ahead, ``target_s`` the seconds until
    then; both are None if it is far away or reached."""

    per_hour: float
    target: int | None
    target_s: int | None


class Pace:
    """Follows the power of the bank.  ``capacity_kwh`` is what it holds; 0 is by its model."""

    def __init__(self, capacity_kwh: float = 0.0) -> None:
        self._capacity_kwh = capacity_kwh
        self._flow = AT_REST
        self._watts = 0.0
        self._time = 0

    def cycle(self, bank: Mapping[str, Any]) -> Outlook:
        """Take the totals of a cycle."""
        now = flow(bank["battery_current"], bank["batteries_present"])
        passed = min(max(bank["time"] - self._time, 0), PACE_S)
        self._time = bank["time"]
        # The pace before a turn says nothing about what follows.
        share = 1.0 if now != self._flow else passed / PACE_S
        self._flow = now
        self._watts += (bank["power"] - self._watts) * share
        if now == AT_REST:
            return {"per_hour": 0.0, "target": None, "target_s": None}
        capacity = self._capacity_kwh or BATTERY_KWH * bank["batteries_present"]
        per_hour = self._watts / 1000 / capacity * 100
        soc = bank["battery_soc"]
        target = FULL_SOC if now == CHARGING else LOW_SOC if soc > LOW_SOC else EMPTY_SOC
        # The sign differs while the mean has not followed yet.
        hours = (target - soc) / per_hour if per_hour else 0.0
        ahead = 0 < 3600 * hours <= LONGEST_S
        return {
            "per_hour": round(per_hour, 1),
            "target": target if ahead else None,
            "target_s": round(3600 * hours) if ahead else None,
        }
