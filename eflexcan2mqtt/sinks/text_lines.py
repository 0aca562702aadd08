"""Cycles out as lines of text in a file or pipe."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TextIO

from ..protocol.reading import Reading
from . import Sink


class TextLines(Sink):
    """Prints each cycle at once, in lines of its own."""

    def __init__(
        self,
        file: TextIO,
        to_text: Callable[[list[Reading]], str],
        interruptible: AbstractContextManager[None],
    ) -> None:
        self._file = file
        self._to_text = to_text
        self._interruptible = interruptible

    def publish(self, cycle: list[Reading]) -> None:
        with self._interruptible:
            self._file.write(self._to_text(cycle) + "\n")
            self._file.flush()
