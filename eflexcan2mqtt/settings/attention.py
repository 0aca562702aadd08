"""The section [attention]; its defaults are the limits of protocol/limits.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..protocol.limits import LIMITS
from . import parsers
from .setting import setting

_DEFAULTS = {each.setting: each.begins for each in LIMITS}


def _limit(key: str, meaning: str, lowest: int, highest: int) -> Any:
    default = int(_DEFAULTS[key])
    return setting(default, meaning, parsers.whole(lowest, highest), example=str(default))


@dataclass(frozen=True)
class AttentionSettings:
    """The limits at which something needs attention; docs/attention.md has all of them."""

    spread_mv: int = _limit(
        "spread_mv",
        "The spread between the cells of a battery with little current, from 20 to 95 % charge, in "
        "mV.",
        *(20, 1000),
    )
    spread_full_mv: int = _limit(
        "spread_full_mv", "The same while it is nearly full, in mV.", 50, 1000
    )
    temperature_high: int = _limit(
        "temperature_high", "The warmest probe of a battery, in °C.", 30, 80
    )
    temperature_low: int = _limit(
        "temperature_low", "The coldest probe of a battery, in °C.", -40, 25
    )
