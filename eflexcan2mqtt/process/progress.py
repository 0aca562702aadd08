"""How much of a file has been read, shown in a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

_EVERY_S = 0.5


class Measured(Protocol):
    """A file that is read, which calls ``progress`` now and then; ``size`` is 0 if not known."""

    progress: Callable[[], None]

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def position(self) -> int:
        """How far it has been read, in bytes."""


class Progress:
    """Shows the share of a file that has been read on stderr, if that is a terminal.

    A pipe has no size: then it shows only that it is being read.  Leaving the context clears the
    line.
    """

    def __init__(self, file: Measured) -> None:
        self._file = file
        self._terminal = sys.stderr.isatty()
        self._shown = time.monotonic()

    def _show(self) -> None:
        now = time.monotonic()
        if self._terminal and now - self._shown >= _EVERY_S:
            self._shown = now
            size = self._file.size
            done = f"{100 * self._file.position // size} %" if size else "reading"
            self._write(f"\r{done} ")

    def __enter__(self) -> None:
        self._file.progress = self._show

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._terminal:
            self._write("\r\033[K")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
