"""Both payloads in, the raw numbers of all known fields out: what an unknown byte may follow."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from ..protocol.blocks import STATUS
from ..protocol.fields import FIELDS, Field


class Known(NamedTuple):
    """A number of a field: ``number`` counts those of a list from 1, and is 0 for a lone one.

    ``magnitude`` is without the sign: what follows it is as great while charging as while
    discharging.
    """

    key: str
    number: int = 0
    magnitude: bool = False

    def __str__(self) -> str:
        name = f"{self.key}[{self.number}]" if self.number else self.key
        return f"the magnitude of {name}" if self.magnitude else name


_TEXT = "s"  # struct's letter for it
_SIGNED = frozenset("bhi")

_FIELDS = [each for each in FIELDS if isinstance(each, Field) and _TEXT not in each.format]
_READERS = [
    (
        Struct(each.block.byte_order + each.format).unpack_from,
        each.block is STATUS,
        each.offset,
        each.mask,
        each.format in _SIGNED,
    )
    for each in _FIELDS
]


def known_values(status: bytes, cells: bytes) -> list[int]:
    """The numbers of KNOWN, as they were sent."""
    found: list[int] = []
    for unpack, in_status, offset, mask, signed in _READERS:
        numbers = unpack(status if in_status else cells, offset)
        if mask is not None:
            found.append(numbers[0] & mask)
            continue
        found += numbers
        if signed:
            found.append(abs(numbers[0]))
    return found


def _known() -> list[Known]:
    found = []
    for each in _FIELDS:
        numbers = range(1, each.count + 1) if each.count > 1 else [0]
        found += [Known(each.key, number) for number in numbers]
        if each.format in _SIGNED:
            found.append(Known(each.key, magnitude=True))
    return found


KNOWN = tuple(_known())
"""In the order of ``known_values``."""

FIRMWARE = KNOWN.index(Known("software_version"))
BANK_SIZE = KNOWN.index(Known("batteries_in_system"))
