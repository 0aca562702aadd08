"""The section [recorder]."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import parsers
from .setting import setting
from .storage import StorageSettings


@dataclass(frozen=True)
class RecorderSettings:
    """Recordings of what was unusual, such as an alarm, from two minutes before it to one minute
    after it."""

    max_mb: float = setting(
        200.0,
        "If the recordings, in the folder of [storage], are larger than this together, the oldest "
        "are deleted; those of alarms and relays only for others of alarms and relays. 0: no "
        "recorder.",
        parsers.number("megabytes", 1_000_000, "a terabyte", zero=True),
        example="200",
    )
    anonymize: bool = setting(
        True,
        "Whether recordings have made-up serial numbers. no: the page only gives them to those "
        "who know its password.",
        parsers.switch,
        example="yes",
    )

    def folder(self, storage: StorageSettings) -> Path | None:
        """None if there are to be no recordings."""
        return storage.folder() if self.max_mb else None
