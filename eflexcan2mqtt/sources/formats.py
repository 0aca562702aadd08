"""A recording in another format than candump's in, what it logged out; plain or gzipped.

The formats are those of python-can (.asc, .blf, .csv, .trc) and SavvyCAN's GVRET csv.  Which one
a file has is decided by how it begins; its suffix counts where that is not clear.  Nothing here
knows batteries, or what to do with times that are not absolute.
"""

from __future__ import annotations

import errno
import gzip
import io
import logging
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from . import beginning

log = logging.getLogger(__name__)

FrameKind = Literal["data", "remote", "error", "fd"]

_BY_SUFFIX = (".asc", ".blf", ".trc")


class Logged(NamedTuple):
    """One line or object of a recording.

    ``bus`` is what the recording calls it, "" if it does not.  ``stamp`` is in seconds;
    the reader's ``absolute`` says since when.
    """

    bus: str
    can_id: int
    extended: bool
    kind: FrameKind
    data: bytes
    stamp: float


class FormatReader(ABC):
    """Iterates over what a recording logged; each ``iter()`` starts at its beginning.

    ``absolute`` is whether stamps are seconds since 1970 (True) or since some start (False); None
    if the format does not say.  It is valid once the first item is read.  ``damaged`` counts what
    was skipped since the iteration began: the first is logged and, at the first end, how many there
    were.  ``position`` and ``size`` are in bytes of the file, ``modified`` is when it was changed,
    in seconds since 1970.  Raises OSError with the file's name.
    """

    absolute: bool | None = None
    dropped = 0
    """Frames that were lost while it was recorded; these formats do not note that."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        status = path.stat()
        self.size = status.st_size
        self.modified = status.st_mtime
        self._file: BinaryIO | None = None
        self._reported = False
        self._summed_up = False

    @property
    def position(self) -> int:
        """How far the file has been read."""
        if self._file is None:
            return 0
        return self.size if self._file.closed else self._file.tell()

    def __iter__(self) -> Iterator[Logged]:
        self.damaged = 0
        try:
            with self.path.open("rb") as self._file:
                zipped = unzipped(self._file)
                yield from self._logged(io.BufferedReader(zipped) if zipped else self._file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from None
        if self._summed_up:
            return
        self._summed_up = True
        if zipped and zipped.damage:
            log.warning(
                "%s: the gzipped file is cut or damaged; what is before that was read (%s)",
                *(self.path, zipped.damage),
            )
        if self.damaged:
            log.warning("%s: skipped %s", self.path, self._skipped())

    @abstractmethod
    def _logged(self, file: BinaryIO) -> Iterator[Logged]:
        """What a file, unzipped, logged; damage is given to ``_report``."""

    @abstractmethod
    def _skipped(self) -> str:
        """How much was damaged, in words."""

    def _report(self, place: str, found: str) -> None:
        """Count damage; log the first."""
        self.damaged += 1
        if not self._reported:
            self._reported = True
            log.warning("%s%s: %s", self.path, place, found)


def reader(path: Path) -> FormatReader | None:
    """The reader of a recording; None if it has none of these formats, or is no regular file.

    Raises OSError with the file's name, also if it is UTF-16 or packed by another program.
    """
    if not path.is_file():
        return None
    found: type[FormatReader] | None = None
    match _format(path):
        case "blf":
            from .blf import Blf

            found = Blf
        case "gvret":
            from .gvret import Gvret

            found = Gvret
        case "asc":
            from .asc import Asc

            found = Asc
        case "csv" | "trc" as name:
            from .traces import Csv, Trc

            found = {"csv": Csv, "trc": Trc}[name]
    return found(path) if found else None


def _format(path: Path) -> str | None:
    with path.open("rb") as file:
        start = (unzipped(file) or file).read(beginning.LENGTH) or b""
    if problem := beginning.refusal(start):
        raise OSError(errno.EINVAL, problem, str(path))
    if name := beginning.format_of(start):
        return name
    suffix = path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix
    return suffix[1:].lower() if suffix.lower() in _BY_SUFFIX else None


class Unzipped(io.RawIOBase):
    """What of a gzipped file can be read; then it ends, and ``damage`` says why too early."""

    def __init__(self, file: BinaryIO | io.FileIO) -> None:
        self.damage = ""
        self._file = gzip.GzipFile(fileobj=file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = b"" if self.damage else self._file.read1(len(buffer))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self.damage = str(error)
            return 0
        buffer[: len(data)] = data
        return len(data)


def unzipped(file: BinaryIO | io.FileIO) -> Unzipped | None:
    """The content of a gzipped file; None if it is not gzipped."""
    start = file.read(len(beginning.GZIP))
    file.seek(-len(start), io.SEEK_CUR)
    return Unzipped(file) if start == beginning.GZIP else None
