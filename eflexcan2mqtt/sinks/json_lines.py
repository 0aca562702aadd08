"""Arrays out as JSON: the text that every sink sends, and the sink that prints it."""

from __future__ import annotations

import errno
import json
import os
from typing import TextIO

from ..protocol.decode import Reading


def to_json(cycle: list[Reading]) -> str:
    """The array of one cycle, as text in one line."""
    return json.dumps(cycle)


class JsonLines:
    """Prints one array a line."""

    def __init__(self, file: TextIO | None) -> None:
        if file is None:  # python's word for a stdout that was closed before the start
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), "stdout")
        self._file = file

    def publish(self, cycle: list[Reading]) -> None:
        """Print a cycle at once; raises OSError, BrokenPipeError when nobody reads any more."""
        self._file.write(to_json(cycle) + "\n")
        self._file.flush()
