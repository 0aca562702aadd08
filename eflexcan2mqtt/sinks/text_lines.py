"""Cycles out as lines of text in a file or pipe."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TextIO

from ..protocol.reading import Reading
from . import Sink


class TextLines(Sink):
    """Prints each cycle at once, in lines of its own."""

    def __init__(
        self,
        file: TextIO | None,
        to_text: Callable[[list[Reading]], str],
        interruptible: AbstractContextManager[None],
    ) -> None:
        if file is None:  # as Python shows a stdout that was closed before the start
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), "stdout")
        self._file = file
        self._to_text = to_text
        self._interruptible = interruptible

    def publish(self, cycle: list[Reading]) -> None:
        with self._interruptible:
            self._file.write(self._to_text(cycle) + "\n")
            self._file.flush()
