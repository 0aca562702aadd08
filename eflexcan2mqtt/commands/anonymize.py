"""A candump recording in, the same recording out with other serial numbers.

It is read twice: first all serial numbers are collected, then they are replaced wherever their
digits stand.  Lines that are no frame of candump are left out, as they might show anything; so
are colours.
"""

from __future__ import annotations

import codecs
import errno
import gzip
import io
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

from ..protocol.blocks import BATTERIES, PAYLOAD_BYTES, STATUS
from ..protocol.fields import field
from ..protocol.values import Serial
from ..sources import formats
from ..sources.lines import LONGEST
from . import Finding
from .new_file import new_file

_SERIAL = field("battery_id")
_MARKER = f"{_SERIAL.marker:02X}"
_OUR_IDS = {f"{STATUS.base_id + battery:03X}" for battery in BATTERIES}
_DIGITS = 2 * PAYLOAD_BYTES
_BOM = codecs.BOM_UTF8

# How many bytes there are; with candump -8, {9} to {F} are 8, too.
_LENGTH = r"(?:\[(?P<length>\d\d?)\]|\{[9A-F]\})"

# A serial number, in a frame that may be glued to others, or cut at the beginning of a line.
_SHOWN = re.compile(
    rf"(?:(?<![\dA-F]){STATUS.base_id >> 4:X}[1-9A-F]|^\s*(?:0?[1-9A-F])?)(?:\#|\s*{_LENGTH}\s+)"
    rf"{_MARKER}(?P<serial>(?:\s?[\dA-F]{{2}}){{{PAYLOAD_BYTES}}})",
    re.IGNORECASE,
)
_BUS = r"[^\s()#'\0-\x1f\x7f-\xff]+\s+"
_ID = r"(?P<id>[\dA-F]{8}|[0-7][\dA-F]{2})"
# What candump writes with -L.
_LOG = re.compile(
    rf"\s*\([\d.: -]+\)\s+{_BUS}{_ID}"
    r"#(?P<data>(?:[\dA-F]{2}){0,8}|R[0-8]?|#[\dA-F](?:[\dA-F]{2}){0,64})"
    r"(?:_[9A-F])?(?:\s+[RT])?\s*",
    re.IGNORECASE,
)
# What it shows on screen, also with -t, -x or -a; Battery-Emulator's dumps look like that, too.
_SCREEN = re.compile(
    rf"\s*(?:(?P<time>\([\d.: -]+\))\s+)?(?:{_BUS}(?:[RT]X\s+\S\s+\S\s+)?|(?(time)|(?!)))"
    rf"{_ID}\s+{_LENGTH}"
    r"(?:(?P<data>(?:\s+[\dA-F]{2})*)(?:\s+'(?P<text>.*)'|\s+ERRORFRAME)?|\s+remote request)\s*",
    re.IGNORECASE,
)
_RUN = re.compile(rf"[\dA-F](?:\s?[\dA-F]){{{_DIGITS - 1},}}", re.IGNORECASE)
_DIGIT = re.compile(r"[\dA-F]", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[[\d;]*[A-Za-z]")


def anonymize(source: Path, target: Path) -> Finding:
    """Write a recording without its serial numbers; say how many it held.

    Each battery keeps one made-up number throughout.  ``target`` is there only when it is whole;
    it is not if the finding is bad.  Raises OSError, also if ``target`` exists.
    """
    with new_file(target) as unfinished:
        problem = _refusal(source)
        if problem:
            return Finding(False, f"{source}: {problem}")
        numbers = _made_up(each for line in _lines(source) for each in _serials(line.text))
        kept = left_out = 0
        create = gzip.open if target.suffix.lower() == ".gz" else open
        with create(unfinished, "xt", encoding="latin-1", newline="\n") as file:
            for line in _lines(source):
                masked = _masked(line.text, numbers) if line.whole else None
                if masked is None:
                    left_out += 1
                else:
                    kept += 1
                    file.write(f"{masked}\n")
        if not (kept and numbers):
            unfinished.unlink()
            what = "serial number" if kept else "line of candump"
            return Finding(False, f"{source}: no {what} in it; {target} was not written")
    lost = f"; left out {left_out} lines that are no frames" if left_out else ""
    return Finding(True, f"{target}: {len(numbers)} serial numbers replaced{lost}")


def _refusal(source: Path) -> str | None:
    """Why a recording cannot be anonymized; None if it can."""
    if source.exists() and not (source.is_file() or source.is_dir()):
        return "it has to be read twice; record into a file first"
    if formats.reader(source):
        return "only recordings by candump can be anonymized; record with 'candump -L'"
    return None


class _Line(NamedTuple):
    """A line without its end, or a part of one that is too long for a frame."""

    text: str
    whole: bool


def _lines(source: Path) -> Iterator[_Line]:
    """The lines, whatever ends them, without colours; long ones in parts.

    Each part begins with the end of the one before, as a serial number may be where it was cut.
    """
    with source.open("rb") as file:
        zipped = formats.unzipped(file)
        content = io.BufferedReader(zipped) if zipped else file
        if content.peek(len(_BOM)).startswith(_BOM):
            content.read(len(_BOM))
        lines = io.TextIOWrapper(content, "latin-1")
        before = ""
        for part in iter(lambda: lines.readline(LONGEST + 1), ""):
            text = before + part.rstrip("\n")
            yield _Line(_COLOUR.sub("", text), not before and len(text) <= LONGEST)
            before = "" if part.endswith("\n") else text[-LONGEST:]
        if zipped and zipped.damage:
            problem = "the gzipped file is cut or damaged; 'zcat' gives what is before that"
            raise OSError(errno.EINVAL, problem, str(source))


def _serials(line: str) -> Iterator[str]:
    """The digits of the serial numbers that a line shows."""
    for found in _SHOWN.finditer(line):
        digits = _digits(found["serial"])
        try:
            Serial.decode(bytes.fromhex(digits))
        except ValueError:
            continue
        yield digits


def _made_up(serials: Iterable[str]) -> dict[str, str]:
    """The digits of another number for each of these, that the recording does not show."""
    known = dict.fromkeys(serials)
    made_up = (Serial().made_up(index).hex().upper() for index in count())
    others = (each for each in made_up if _find(_MARKER + each, known) is None)
    return dict(zip(known, others, strict=False))


def _masked(line: str, numbers: Mapping[str, str]) -> str | None:
    """A line without serial numbers; None if it is no frame."""
    frame = _LOG.fullmatch(line) or _SCREEN.fullmatch(line)
    if frame is None:
        return None
    data = frame["data"]
    if data is None:  # a remote request
        return _without(line, numbers)
    digits = _digits(data)
    found = frame.groupdict()
    if "length" in found and len(digits) != 2 * int(found["length"] or 8):
        return None
    if frame["id"].upper() in _OUR_IDS and digits.startswith(_MARKER):
        # What is no serial number may be part of one, or a damaged one.
        serial = digits[len(_MARKER) :]
        data = _with_digits(data, _MARKER + numbers.get(serial, "0" * len(serial)))
    start, end = frame.span("data")
    masked = _without(line[:start] + data + line[end:], numbers)
    if masked != line and found.get("text"):
        start, end = frame.span("text")
        masked = masked[:start] + "." * (end - start) + masked[end:]
    return masked


def _without(line: str, numbers: Mapping[str, str]) -> str:
    """A line with other digits wherever those of a known serial number stand."""

    def replaced(run: re.Match[str]) -> str:
        digits = _digits(run[0])
        while (at := _find(digits, numbers)) is not None:
            end = at + _DIGITS
            digits = digits[:at] + numbers[digits[at:end]] + digits[end:]
        return _with_digits(run[0], digits)

    return _RUN.sub(replaced, line)


def _find(digits: str, known: Container[str]) -> int | None:
    """Where the first of the known serial numbers stands."""
    places = range(len(digits) - _DIGITS + 1)
    return next((at for at in places if digits[at : at + _DIGITS] in known), None)


def _digits(text: str) -> str:
    return "".join(_DIGIT.findall(text)).upper()


def _with_digits(text: str, digits: str) -> str:
    """A text with other digits in the place of its own."""
    each = iter(digits)
    return _DIGIT.sub(lambda _: next(each), text)
