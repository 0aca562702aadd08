"""SIGTERM and SIGINT, as a fact and as the end of a wait."""

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
    """Ends whatever the main thread is waiting for, and nothing else.

    ``with stop:`` marks a wait: a signal raises Stopped there, in whatever system call
    the wait is.  Anywhere else it is only remembered in ``requested``, so that no work is
    torn in two, and the next wait raises at once.
    """

    def __init__(self) -> None:
        self.requested = False
        self._waiting = False

    def install(self) -> None:
        """Listen to the signals."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _: int, __: FrameType | None) -> None:
        self.requested = True
        if self._waiting:
            # Once: what follows is the end, and no second signal may tear that.
            self._waiting = False
            raise Stopped

    def __enter__(self) -> None:
        self._waiting = not self.requested
        if self.requested:
            raise Stopped

    def __exit__(self, *_: object) -> None:
        self._waiting = False

    def until(self, items: Iterable[T]) -> Iterator[T]:
        """The items, up to the last before a signal."""
        iterator = iter(items)
        try:
            while True:
                # As `with self`, at a tenth of its price: this is for each frame.
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
    """Let the death of a thread stop the process; systemd starts it again.

    paho's network thread would die in silence, and every publish succeed for ever.
    Returns the list that the names of the dead go into.
    """
    deaths: list[str] = []

    def on_death(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "unknown"
        log.critical("thread %s died", name, exc_info=args.exc_value)
        deaths.append(name)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.excepthook = on_death
    return deaths
