"""The beat of the daemon's loop in, a file in memory out, by which others see that it runs.

The file is ``pulse`` in $RUNTIME_DIRECTORY, which systemd sets for the service and a container
for its program.  The process that writes it has a lock on the folder until it ends, in any way.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

SERVICE_FOLDER = Path("/run/eflexcan2mqtt")

_NAME = "pulse"
_MOUNTS = Path("/proc/self/mountinfo")


class Beat(NamedTuple):
    """How long ago the last beat was, in seconds, and what the daemon said of itself then."""

    age_s: float
    status: str


def folder() -> Path | None:
    """Where the pulse of this process goes; None without $RUNTIME_DIRECTORY."""
    name = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(name) if name else None


class Pulse:
    """Writes the file at each beat, if the folder is in memory: the loop waits for no disk.

    Of several processes the first one writes; when it ends, another one does.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock: int | None = None
        self._failing = False
        try:
            if folder:
                folder.mkdir(exist_ok=True)
                if not _in_memory(folder):
                    self._report("expected a folder in memory (tmpfs)")
                    self._folder = None
        except OSError as error:
            self._report(error.strerror)

    def beat(self, status: str) -> None:
        """The loop runs, and is as ``status`` says."""
        if not self._folder:
            return
        try:
            if self._lock is None:
                self._lock = _locked(self._folder, fcntl.LOCK_EX)
            if self._lock is not None:
                new = self._folder / f"{_NAME}.new"
                new.write_text(f"{time.monotonic()}\n{status}")
                new.chmod(0o644)
                new.replace(self._folder / _NAME)
            self._failing = False
        except OSError as error:
            self._report(error.strerror)

    def end(self) -> None:
        """The loop has ended."""
        if self._folder and self._lock is not None:
            with suppress(OSError):
                (self._folder / _NAME).unlink()
            os.close(self._lock)

    def _report(self, why: str | None) -> None:
        if not self._failing:
            self._failing = True
            log.warning("%s: %s; `eflexcan2mqtt health` cannot see this process", self._folder, why)


def read(folder: Path) -> Beat | None:
    """The last beat of the process that runs now; None if there is none.

    Raises OSError if the folder cannot be read.
    """
    try:
        lock = _locked(folder, fcntl.LOCK_SH)
        if lock is not None:
            os.close(lock)
            return None
        at, _, status = (folder / _NAME).read_text(errors="replace").partition("\n")
        age = time.monotonic() - float(at)
    except (FileNotFoundError, ValueError):
        return None
    return Beat(age, status) if age >= 0 else None


def _locked(folder: Path, kind: int) -> int | None:
    """A lock on a folder, which ends with the descriptor; None if another process has one."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _in_memory(folder: Path) -> bool:
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in _MOUNTS.read_text(errors="replace").splitlines():
        place, _, mounted = line.partition(" - ")
        if place.split()[2] == number:
            return mounted.split()[0] in ("tmpfs", "ramfs")
    return False
