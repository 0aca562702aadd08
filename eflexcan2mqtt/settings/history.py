"""The section [history]."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import parsers
from .setting import setting
from .storage import StorageSettings


@dataclass(frozen=True)
class HistorySettings:
    """What the batteries and the bank did, minute by minute, for the page."""

    max_mb: float = setting(
        200.0,
        "If history.db, in the folder of [storage], is larger than this, its oldest days are "
        "deleted; 14 batteries need about 60 MB a year. 0: no history.",
        parsers.number("megabytes", 1_000_000, "a terabyte", zero=True),
        example="200",
    )

    def folder(self, storage: StorageSettings) -> Path | None:
        """None if there is to be no history."""
        return storage.folder() if self.max_mb else None
