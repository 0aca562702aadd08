"""A candump recording in, the same recording out with other serial numbers.

Nothing else changes.  A serial number fills exactly one frame, so lines are handled one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..protocol.blocks import PAYLOAD_BYTES, STATUS
from ..protocol.fields import field
from ..protocol.values import Serial
from . import Finding

_SERIAL = field("battery_id")
_MARKER = STATUS.markers[_SERIAL.offset // PAYLOAD_BYTES]

# A frame with that marker in a line of candump -L or of candump on screen, even if it is cut off;
# on screen the bytes may follow as text.
_LINE = re.compile(
    rb"(?P<head>(?:.*\s|)(?:%02X)[1-9A-F](?:#|\s+\[\d\]\s+)%02X)"
    rb"(?P<data>(?:\s?[0-9A-F]{1,2}){1,7})(?P<rest>.*)" % (STATUS.base_id >> 4, _MARKER),
    re.DOTALL | re.IGNORECASE,
)
_TEXT = re.compile(rb"'.*'", re.DOTALL)
_DIGIT = re.compile(rb"[0-9A-Fa-f]")

LONGEST = 65_536


def anonymize(source: Path, target: Path) -> Finding:
    """Write a recording without its serial numbers; say how many it held.

    Each battery keeps one made-up number throughout.  Raises OSError, also if ``target``
    exists.
    """
    numbers: dict[bytes, bytes] = {}
    with source.open("rb") as lines, target.open("xb") as masked:
        masked.writelines(_masked(iter(lambda: lines.readline(LONGEST), b""), numbers))
    return Finding(True, f"{target}: {len(numbers)} serial numbers replaced")


def _masked(lines: Iterable[bytes], numbers: dict[bytes, bytes]) -> Iterator[bytes]:
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            yield line
            continue
        digits = b"".join(_DIGIT.findall(found["data"]))
        # Part of a serial number cannot be matched to a battery, but could still identify it.
        other = b"0" * len(digits)
        if len(digits) == 2 * PAYLOAD_BYTES:
            made_up = Serial().encode(f"2200000F{len(numbers) + 1:04d}").hex().upper().encode()
            other = numbers.setdefault(digits.upper(), made_up)
        each = iter(other.decode())
        data = _DIGIT.sub(lambda _, each=each: next(each).encode(), found["data"])
        rest = _TEXT.sub(lambda text: b"'" + b"." * (len(text[0]) - 2) + b"'", found["rest"])
        yield found["head"] + data + rest
