"""The first bytes of a recording in; which format it has, or why it cannot be read, out."""

from __future__ import annotations

import codecs
import re

GZIP = b"\x1f\x8b"
LENGTH = 4096
"""So many bytes tell the format."""

# A line near the beginning that tells the format; candump's is looked for last.
_TELLING = {
    "blf": re.compile(r"\ALOGG"),
    "trc": re.compile(r"^;\$FILEVERSION", re.MULTILINE),
    "asc": re.compile(r"^[ \t]*base[ \t]+(?:hex|dec)\b", re.MULTILINE | re.IGNORECASE),
    "csv": re.compile(
        r"^(?:timestamp,arbitration_id,|-?\d+(?:\.\d+)?,0x[\da-f]+,[01],[01],[01],)", re.MULTILINE
    ),
    "gvret": re.compile(
        r"^(?:Time Stamp,|\d+,[ \t]*(?:0x)?[\dA-F]{1,8},[ \t]*(?:true|false),)",
        re.MULTILINE | re.IGNORECASE,
    ),
    "candump": re.compile(
        r"^[ \t]*(?:\(-?\d|\S{1,20}[ \t]+[\dA-F]{3,8}[ \t]+\[\d)", re.MULTILINE | re.IGNORECASE
    ),
}
_PACKED = {
    GZIP: ("gzipped", "gunzip"),
    b"BZh": ("packed by bzip2", "bunzip2"),
    b"\xfd7zXZ\0": ("packed by xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", "unzstd"),
    b"PK\3\4": ("a zip file", "unzip"),
}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def format_of(start: bytes) -> str | None:
    """The name of the format: blf, trc, asc, csv, gvret or candump; None if that is not clear."""
    # In Latin-1 any byte is a character.
    head = start[:LENGTH].removeprefix(codecs.BOM_UTF8).decode("latin-1")
    head = head.replace("\r\n", "\n").replace("\r", "\n")
    return next((name for name, line in _TELLING.items() if line.search(head)), None)


def refusal(start: bytes) -> str | None:
    """Why no format is read that begins so, and what to do; None if one may be."""
    if _is_utf_16(start):
        return "this is UTF-16 text; convert it with 'iconv -f UTF-16 -t UTF-8' first"
    for magic, (packed, tool) in _PACKED.items():
        if start.startswith(magic):
            return f"this is {packed}; unpack it with '{tool}' first"
    return None


def refusal_of_lines(start: bytes) -> str | None:
    """The same for what must be candump's lines, because it is no file that has a name."""
    match format_of(start):
        case None | "candump":
            return refusal(start)
        case name:
            suffix = "csv" if name == "gvret" else name
            return f"this is a .{suffix} recording; give the file itself to --input"


def _is_utf_16(start: bytes) -> bool:
    """Without a byte order mark, one of two bytes of plain text is 0."""
    zeros = [set(start[at:16:2]) == {0} for at in (0, 1)]
    return start.startswith(_UTF_16) or (len(start) >= 4 and zeros[0] != zeros[1])
