"""A recording of text lines in, each line out; what a line means is up to those that derive."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .formats import FormatReader
from .lines import LONGEST


class LineReader(FormatReader):
    """A reader of a format whose name is ``name`` and that has a frame in each line."""

    name: str

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._number = 0

    def _lines(self, file: BinaryIO) -> Iterator[str]:
        """The lines but blank ones, whatever ends them; a longer one than LONGEST in parts.

        Text is UTF-8; what is not is taken for Latin-1.
        """
        with io.TextIOWrapper(file, encoding="latin-1") as text:
            for self._number, line in enumerate(iter(lambda: text.readline(LONGEST), ""), 1):
                if not line.isspace():
                    yield line if line.isascii() else _utf8(line)

    def _damaged_line(self, line: str) -> None:
        line = line[:60].strip()
        text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)
        self._report(f":{self._number}", f"expected a line of {self.name}, found '{text}'")

    def _skipped(self) -> str:
        return f"{self.damaged} of {self._number} lines"


def _utf8(line: str) -> str:
    try:
        return line.encode("latin-1").decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return line
