"""A thread that may wait for a disk, fed by a sink that may not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Full, Queue
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Job = TypeVar("Job")

CLOSE_S = 1.0


class DiskThread(Generic[Job]):
    """Runs ``work``, which takes jobs out of ``queue`` until there comes None."""

    def __init__(self, name: str, work: Callable[[], None], queue: Queue[Job | None]) -> None:
        self._name, self._queue = name, queue
        self._losing = False  # as it was logged
        self._thread = threading.Thread(target=work, name=name, daemon=True)
        self._thread.start()

    def put(self, job: Job) -> bool:
        """Hand a job over; whether there was room for it."""
        try:
            self._queue.put_nowait(job)
        except Full:
            if not self._losing:
                log.warning("%s: the disk does not answer; what comes now is lost", self._name)
            self._losing = True
            return False
        if self._losing:
            log.info("%s: the disk answers again", self._name)
        self._losing = False
        return True

    def close(self) -> None:
        """Let it end; it has a second for what is left."""
        with suppress(Full):
            self._queue.put_nowait(None)
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            log.warning("%s: stopped before all was written; the last of it is lost", self._name)
