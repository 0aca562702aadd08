"""The bytes that no field claims: where they are, and what they are called. Data only."""

from __future__ import annotations

from itertools import groupby
from struct import calcsize

from .blocks import BLOCKS, PAYLOAD_BYTES, Block
from .fields import FIELDS, Field


def place(block: Block, offset: int) -> str:
    """A payload byte as ``candump`` shows it: STATUS 02.6 is byte 6 of the frame with marker 02."""
    return f"{block.name} {block.markers[offset // PAYLOAD_BYTES]:02X}.{offset % PAYLOAD_BYTES + 1}"


def _offsets(block: Block) -> tuple[int, ...]:
    claimed = {
        each.offset + index
        for each in FIELDS
        if isinstance(each, Field) and each.block is block
        for index in range(calcsize(f"={each.format}"))
    }
    return tuple(offset for offset in range(block.size) if offset not in claimed)


UNCLAIMED = {block: _offsets(block) for block in BLOCKS}
"""By block, the offsets of the payload bytes that no field claims."""


def runs(block: Block) -> list[range]:
    """The same offsets, neighbours together."""
    numbered = enumerate(UNCLAIMED[block])
    groups = (list(group) for _, group in groupby(numbered, lambda each: each[1] - each[0]))
    return [range(group[0][1], group[-1][1] + 1) for group in groups]
