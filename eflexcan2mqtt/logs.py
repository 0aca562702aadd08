"""Where log lines go, and what the process weighs."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from . import systemd
from .config import Logging

FILE_NAME = "eflexcan2mqtt.out"
FILE_BYTES = 512 * 1024
FILES_KEPT = 5
FORMAT = "%(asctime)s %(levelname)s %(message)s"

_PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}  # of syslog

log = logging.getLogger(__name__)


class _File(RotatingFileHandler):
    """A rotating log file; a full or broken disk is said once on stderr, until it works again."""

    _failing = False

    def emit(self, record: logging.LogRecord) -> None:
        self._failed_now = False
        super().emit(record)
        self._failing = self._failed_now

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 (logging's)
        self._failed_now = True
        if not self._failing:
            sys.stderr.write(f"{self.baseFilename}: {sys.exc_info()[1]}; on without it\n")


class _Journal(logging.Formatter):
    """Lines as the journal reads them: a priority each, and no time, which it knows."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{_PRIORITIES.get(record.levelname, 5)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


def start(config: Logging, verbose: bool) -> None:
    """Log to stderr, and to a rotating file as well if the INI names a directory."""
    root = logging.getLogger()
    # python-can tells of each socket it makes, and of each error that it raises as well.
    logging.getLogger("can").setLevel(logging.CRITICAL)
    root.setLevel(logging.DEBUG if verbose else config.log_level.upper())
    formatter = logging.Formatter(FORMAT)
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    problem = None
    if config.log_dir:
        path = Path(config.log_dir) / FILE_NAME
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(
                _File(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
            )
        except OSError as error:
            problem = error
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    if systemd.journals_stderr():
        handlers[0].setFormatter(_Journal())
    if problem:
        log.warning("%s: %s; logging to stderr only", path, problem.strerror)


def memory() -> str:
    """The resident memory of this process, in words."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return f"{int(line.split()[1]) / 1024:.1f} MiB"
    raise AssertionError("Linux tells VmRSS")
