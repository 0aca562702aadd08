"""The health of the bridge in; what a reader must know and attention does not have, out.

A finding has to last before it is on that list; a page without values needs its reason at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def notes(health: Mapping[str, Any]) -> list[str]:
    """Sentences, the most important first."""
    listed = {each["kind"] for each in health.get("attention", ())}
    found = []
    if "stale" not in listed and (reason := _no_values(health)):
        found.append(reason)
    if health.get("broker") == "away" and "broker_away" not in listed:
        waiting = f"; {health['waiting']} arrays wait for it" if health["waiting"] else ""
        found.append(f"The broker is away{waiting}")
    return found


def _no_values(health: Mapping[str, Any]) -> str:
    age = health["cycle_age_s"]
    if problem := health.get("problem"):
        return str(problem)
    if not health["healthy"]:
        return "No frames from any battery" + (" yet" if age is None else f" for {age:.0f} s")
    return "No complete burst from any battery yet" if age is None else ""
