"""Whether the daemon's loop runs, for the health check of a container.

It reads one file, and asks neither the bus nor the broker: how these are stands in what the
daemon says of itself.
"""

from __future__ import annotations

from pathlib import Path

from ..process import pulse
from . import Finding

LIMIT_S = 30.0
"""As WatchdogSec of the unit, after which systemd ends the program."""


def health(folder: Path) -> Finding:
    """Look at the pulse in a folder."""
    try:
        beat = pulse.read(folder)
    except OSError as error:
        return Finding(False, f"{folder}: {error.strerror}")
    if not beat:
        return Finding(False, f"{folder}: no eflexcan2mqtt runs that writes its pulse there")
    if beat.age_s > LIMIT_S:
        text = f"stands still: no beat for {beat.age_s:.0f} s; before that: {beat.status}"
        return Finding(False, text)
    return Finding(True, f"runs: {beat.status}")
