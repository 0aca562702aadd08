"""What the tests ask Home Assistant, in words of ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .hass import Hass
from .websocket import ask

SOON_S = 90.0
"""Home Assistant looks at entities that were enabled 30 s later."""


def eventually(check: Callable[[], Any], what: str, within_s: float = SOON_S) -> Any:
    """Ask until it is so; how long that took is printed."""
    begun = time.monotonic()
    while not (found := check()):
        assert time.monotonic() - begun < within_s, f"waited {within_s:g} s for {what}"
        time.sleep(0.5)
    print(f"{what}: {time.monotonic() - begun:.1f} s")
    return found


def registry(hass: Hass) -> dict[str, dict[str, Any]]:
    """Our entities by unique id, those that are switched off as well."""
    found = ask(hass, "config/entity_registry/list")
    return {each["unique_id"]: each for each in found if each["unique_id"].startswith("eflex_")}
