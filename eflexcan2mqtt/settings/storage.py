"""The sections [storage] and [spool]: the folders for what outlives the program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import parsers, paths
from .setting import setting


@dataclass(frozen=True)
class StorageSettings:
    """The folder for what is kept: spool, counters of energy, history and recordings."""

    directory: str | None = setting(
        None,
        "A folder, which is made if it is missing. By default the service uses "
        "/var/lib/eflexcan2mqtt. Empty: nothing is kept.",
        paths.path,
        example="/var/lib/eflexcan2mqtt",
        absent="$STATE_DIRECTORY",  # of the service; systemd sets it
    )

    def folder(self) -> Path | None:
        """None if nothing is to be kept, or if nobody said where."""
        name = paths.state_directory() if self.directory is None else self.directory
        return Path(name) if name else None


@dataclass(frozen=True)
class SpoolSettings:
    """Where arrays are kept while the broker is away."""

    directory: str | None = setting(
        None,
        "A folder of its own for the arrays of an outage, instead of that of [storage]. Empty: no "
        "spool; 1,000 arrays are kept in memory.",
        paths.path,
        example="/var/lib/eflexcan2mqtt",
        absent="that of [storage]",
    )
    max_mb: float = setting(
        100.0,
        "If the spool is larger than this, the oldest arrays are deleted; 100 MB hold about four "
        "hours of 14 batteries.",
        parsers.number("megabytes", 1_000_000, "a terabyte"),
    )
    max_age_days: float = setting(
        30.0, "Arrays older than this are deleted.", parsers.number("days", 36_500, "a century")
    )

    def folder(self, storage: StorageSettings) -> Path | None:
        """None if there is to be no spool."""
        if self.directory is None:
            return storage.folder()
        return Path(self.directory) if self.directory else None
