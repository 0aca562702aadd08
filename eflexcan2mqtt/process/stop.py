"""SIGTERM and SIGINT: remembered, and the end of a wait."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Stopped(BaseException):
    """A signal came while the main thread was waiting."""


class Stop:
    """Lets a signal end a wait of the main thread, and nothing else.

    ``with stop:`` marks a wait: a signal raises Stopped there, even in a blocking system call.
    Anywhere else a signal only sets ``requested``, so that no work is interrupted half-way;
    the next wait raises at once.
    """

    def __init__(self) -> None:
        self.requested = False
        self._waiting = False

    def install(self) -> None:
        """Handle the signals from now on; SIGUSR1, which would end the process, is for others."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)

    def _on_signal(self, _: int, __: FrameType | None) -> None:
        self.requested = True
        if self._waiting:
            # Only once: a second signal must not interrupt the clean-up.
            self._waiting = False
            raise Stopped

    def __enter__(self) -> None:
        self._waiting = not self.requested
        if self.requested:
            raise Stopped

    def __exit__(self, *_: object) -> None:
        self._waiting = False

    def until(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items until a signal comes."""
        iterator = iter(items)
        try:
            while True:
                # The same as `with self`, for a tenth of the CPU time: this runs for each frame.
                self._waiting = True
                if self.requested:
                    return
                item = next(iterator)
                self._waiting = False
                yield item
        except (Stopped, StopIteration):
            return
        finally:
            self._waiting = False


def end_with_any_thread() -> list[str]:
    """Stop the process when a thread dies of an exception; systemd starts it again.

    Returns the list to which the names of dead threads are added.
    """
    dead: list[str] = []

    def on_death(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "unknown"
        log.critical("thread %s died", name, exc_info=args.exc_value)
        dead.append(name)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.excepthook = on_death
    return dead
