"""Whether the clock of the day can be believed."""

from __future__ import annotations

from pathlib import Path

_TIMESYNC = Path("/run/systemd/timesync")


def synchronized(folder: Path = _TIMESYNC) -> bool:
    """Whether systemd has set the clock by the network; True where it does not do that.

    The kernel knows it of every program that sets clocks, but the service may not ask it.
    """
    return not folder.exists() or (folder / "synchronized").exists()
