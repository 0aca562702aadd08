"""A log file that rotates and survives a full disk."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

FILE_BYTES = 512 * 1024
FILES_KEPT = 5


class LogFile(RotatingFileHandler):
    """A rotating log file; a full or broken disk is reported once, on stderr."""

    _failing = False

    def __init__(self, path: Path) -> None:
        """Opens the file; raises OSError."""
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")

    def emit(self, record: logging.LogRecord) -> None:
        self._failed_now = False
        super().emit(record)
        self._failing = self._failed_now

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's)
        self._failed_now = True
        if not self._failing:
            sys.stderr.write(f"{self.baseFilename}: {sys.exc_info()[1]}; logging to stderr only\n")
