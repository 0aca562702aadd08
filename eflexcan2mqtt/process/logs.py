"""Where log lines go, and how much memory the process uses."""

from __future__ import annotations

import logging
from pathlib import Path

from ..settings.schema import Logging
from . import systemd
from .memory import MIB, resident
from .stderr import Stderr

FILE_NAME = "eflexcan2mqtt.out"
FORMAT = "%(asctime)s %(levelname)s %(message)s"

_PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}  # of syslog

log = logging.getLogger(__name__)


class Journal(logging.Formatter):
    """A priority before each line and no time, as the journal wants it."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{_PRIORITIES.get(record.levelname, 5)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


def start(config: Logging, verbose: bool) -> None:
    """Log to stderr, and also to a rotating file if the INI names a directory."""
    root = logging.getLogger()
    root.setLevel(logging.DEBUG if verbose else config.log_level.upper())
    formatter = logging.Formatter(FORMAT)
    handlers: list[logging.Handler] = [Stderr()]
    problem = None
    if config.log_dir:
        from .log_file import LogFile

        path = Path(config.log_dir) / FILE_NAME
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(LogFile(path))
        except OSError as error:
            problem = error
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    if systemd.journals_stderr():
        handlers[0].setFormatter(Journal())
    if problem:
        log.warning("%s: %s; logging to stderr only", path, problem.strerror)


def memory() -> str:
    """The resident memory of this process, in words."""
    return f"{resident() / MIB:.1f} MiB"
