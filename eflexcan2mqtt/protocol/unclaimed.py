"""The bytes and bits of both blocks that no field claims. Data only, made from FIELDS."""

from __future__ import annotations

from dataclasses import dataclass

from .blocks import BLOCKS, PAYLOAD_BYTES, Block
from .fields import FIELDS, Field

_WHOLE = 0xFF


@dataclass(frozen=True)
class Unclaimed:
    """A byte of a block of which no field claims the bits in ``mask``; 0xFF is the whole byte.

    As a text it is where candump shows it: block, marker of its frame, number of the byte there.
    """

    block: Block
    offset: int
    mask: int

    @property
    def is_whole(self) -> bool:
        """Whether no bit of the byte is claimed."""
        return self.mask == _WHOLE

    def __str__(self) -> str:
        frame, byte = divmod(self.offset, PAYLOAD_BYTES)
        return f"{self.block.name} {self.block.markers[frame]:02X}.{byte + 1}"


def _claimed(block: Block) -> list[int]:
    """The bits of each byte that fields claim."""
    found = [0] * block.size
    for each in FIELDS:
        if isinstance(each, Field) and each.block is block:
            for offset in each.span:
                found[offset] |= _WHOLE if each.mask is None else each.mask
    return found


UNCLAIMED = tuple(
    Unclaimed(block, offset, _WHOLE & ~claimed)
    for block in BLOCKS
    for offset, claimed in enumerate(_claimed(block))
    if claimed != _WHOLE
)
"""In the order in which they are sent."""
