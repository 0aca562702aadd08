"""A file in, its lines out; from a pipe or a terminal also None for each second without one."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path

LONGEST = 1000
"""Bytes of a line that are kept; candump's longest, a CAN FD frame on screen, has about 250."""

STDIN = "-"
_CHUNK = 65_536
_TICK_S = 1.0


class Lines:
    """The lines of a file or of stdin (``-``), without their ends, in constant memory.

    They can be read once.  A line longer than LONGEST is cut.  ``live`` is whether something
    may still be writing, as into a pipe.  ``size`` and ``position`` are in bytes; ``size`` is 0
    if it is not known.  Raises OSError with the file's name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._file = 0 if name == STDIN else os.open(Path(name), os.O_RDONLY)
        try:
            self.size = os.fstat(self._file).st_size
            self.live = not os.path.isfile(f"/dev/fd/{self._file}")  # noqa: PTH113 (a descriptor)
        except OSError as error:
            raise self._named(error) from None
        self.position = 0

    def __iter__(self) -> Iterator[bytes | None]:
        try:
            yield from self._read()
        finally:
            if self.name != STDIN:
                os.close(self._file)

    def _read(self) -> Iterator[bytes | None]:
        rest = b""
        while True:
            if self.live and not select.select([self._file], [], [], _TICK_S)[0]:
                yield None
                continue
            try:
                chunk = os.read(self._file, _CHUNK)
            except OSError as error:
                raise self._named(error) from None
            if not chunk:
                break
            self.position += len(chunk)
            *lines, tail = chunk.split(b"\n")
            if lines:
                lines[0] = rest + lines[0]
                rest = b""
            for line in lines:
                yield line[: LONGEST + 1]
            rest = (rest + tail)[: LONGEST + 1]
        if rest:
            yield rest

    def _named(self, error: OSError) -> OSError:
        return OSError(error.errno, error.strerror, self.name)
