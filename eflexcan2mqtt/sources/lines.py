"""A file in, its lines out; from a pipe or a terminal also None for each second without one."""

from __future__ import annotations

import codecs
import errno
import io
import logging
import os
import select
from collections.abc import Iterator
from pathlib import Path

from .beginning import refusal_of_lines
from .formats import unzipped

log = logging.getLogger(__name__)

LONGEST = 1000
"""Bytes of a line that are kept; candump's longest, a CAN FD frame on screen, has about 250."""

STDIN = "-"
_CHUNK = 65_536
_TICK_S = 1.0


class Lines:
    """The lines of a file, plain or gzipped, or of stdin (``-``), without their ends.

    They end with LF, CR or both; a byte order mark of UTF-8 is left out.  In constant memory: a
    line longer than LONGEST is cut.  ``live`` is whether something may still be writing, as into a
    pipe: that can be read once, a file again and again.  ``size`` and ``position`` are in bytes;
    ``size`` is 0 if it is not known.  ``modified`` is when the file was, in seconds since 1970.
    Raises OSError with the file's name, also for what begins as something else than lines.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        descriptor = 0 if name == STDIN else os.open(Path(name), os.O_RDONLY)
        try:
            status = os.fstat(descriptor)
            self.live = not os.path.isfile(f"/dev/fd/{descriptor}")  # noqa: PTH113 (a descriptor)
            self._file = io.FileIO(descriptor, closefd=False)
        except OSError as error:
            raise self._named(error) from None
        self.size = status.st_size
        self.modified = status.st_mtime
        self.position = 0
        self._start = 0 if self.live else self._file.tell()
        self._reported = False

    def __iter__(self) -> Iterator[bytes | None]:
        if not self.live:
            self._file.seek(self._start)
        self.position = 0
        rest = b""
        after_cr = False
        for chunk in self._text():
            if chunk is None:
                yield None
                continue
            lines = chunk.removeprefix(b"\n" if after_cr else b"").splitlines()
            after_cr = chunk.endswith(b"\r")
            tail = b"" if chunk.endswith((b"\n", b"\r")) else lines.pop()
            if lines:
                lines[0] = rest + lines[0]
                rest = b""
            for line in lines:
                yield line[: LONGEST + 1]
            rest = (rest + tail)[: LONGEST + 1]
        if rest:
            yield rest

    def close(self) -> None:
        """Close the file, but stdin; nothing can be read any more."""
        if self.name != STDIN and not self._file.closed:
            os.close(self._file.fileno())
        self._file.close()

    def _text(self) -> Iterator[bytes | None]:
        """The chunks without a byte order mark; raises OSError if they are no lines."""
        begun = False
        for chunk in self._chunks():
            if chunk is None or begun:
                yield chunk
                continue
            begun = True
            if problem := refusal_of_lines(chunk):
                raise OSError(errno.EINVAL, problem, self.name)
            if text := chunk.removeprefix(codecs.BOM_UTF8):
                yield text

    def _chunks(self) -> Iterator[bytes | None]:
        zipped = None if self.live else unzipped(self._file)
        source = zipped or self._file
        while True:
            if self.live and not select.select([self._file], [], [], _TICK_S)[0]:
                yield None
                continue
            try:
                chunk = source.read(_CHUNK)
            except OSError as error:
                raise self._named(error) from None
            if not chunk:
                break
            self.position = self.position + len(chunk) if self.live else self._file.tell()
            yield chunk
        if zipped and zipped.damage and not self._reported:
            self._reported = True
            log.warning(
                "%s: the gzipped file is cut or damaged; what is before that was read (%s)",
                *(self.name, zipped.damage),
            )

    def _named(self, error: OSError) -> OSError:
        return OSError(error.errno, error.strerror, self.name)
