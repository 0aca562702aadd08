"""A record in, a reading out, and back; both made from the field table. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from struct import Struct, calcsize, pack_into
from typing import Any

from .assembler import Record
from .blocks import BLOCKS, CELLS, STATUS, Block
from .fields import EXPERIMENTAL, FIELDS, TIME, Derived, Field, shown
from .values import Whole

Reading = dict[str, Any]
"""One battery, ready for JSON: the keys of a stage, in their order."""

Place = int | slice
Convert = Callable[[Any], Any]


class DecodeError(ValueError):
    """A record that holds something no battery sends: names battery, field and bytes."""

    def __init__(self, battery: int, key: str, raw: Any, expected: ValueError) -> None:
        super().__init__(f"battery {battery}: {key}: bytes {raw.hex(' ').upper()}: {expected}")
        self.battery = battery
        self.key = key


class Decoder:
    """Turns records into readings of one stage.

    Each block is unpacked by one struct, made from the fields that the stage needs.
    """

    def __init__(self, stage: str = EXPERIMENTAL) -> None:
        fields = shown(stage)
        needed = {key for each in fields if isinstance(each, Derived) for key in each.of}
        sent = [
            each
            for each in FIELDS
            if isinstance(each, Field) and (each in fields or each.key in needed)
        ]
        # The unpacked values stand in one row, behind the record's own parts.
        places: dict[str, Place] = {STATUS.name: 0, CELLS.name: 1, TIME: 2}
        self._unpacks = []
        start = 3
        for block in BLOCKS:
            struct, found = _layout(block, sent, start)
            self._unpacks.append(struct.unpack)
            places.update(found)
            start += len(struct.unpack(bytes(block.size)))
        self._plan = [(each.key, *_way(each, places)) for each in fields]

    def __call__(self, record: Record) -> Reading:
        """Decode; raises DecodeError."""
        unpack_status, unpack_cells = self._unpacks
        _, status, cells, time = record
        row = (status, cells, time, *unpack_status(status), *unpack_cells(cells))
        try:
            return {
                key: convert(row[place]) if convert else row[place]
                for key, place, convert in self._plan
            }
        except ValueError:
            culprit, *_ = self._culprits(record, row)
            raise culprit from None

    def _culprits(self, record: Record, row: tuple[Any, ...]) -> Iterator[DecodeError]:
        for key, place, convert in self._plan:
            try:
                if convert:
                    convert(row[place])
            except ValueError as error:
                yield DecodeError(record.battery, key, row[place], error)


def select(stage: str) -> Callable[[list[Reading]], list[Reading]]:
    keys = [each.key for each in shown(stage)]
    return lambda cycle: [{key: reading[key] for key in keys} for reading in cycle]


def encode(reading: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Make the two blocks a battery sends for a reading: STATUS and CELLS.

    The inverse of decoding.  Bytes that the reading does not tell are taken from its
    ``raw_status`` and ``raw_cells``, or else are 0.  Raises ValueError or struct.error
    for a value that does not fit.
    """
    status = bytearray.fromhex(reading.get("raw_status", "00" * STATUS.size))
    cells = bytearray.fromhex(reading.get("raw_cells", "00" * CELLS.size))
    for each in FIELDS:
        if isinstance(each, Field) and each.key in reading:
            payload = status if each.block is STATUS else cells
            raw = each.value.encode(reading[each.key])
            if each.mask is not None:
                raw = payload[each.offset] & ~each.mask | raw << _shift(each.mask)
            values = raw if isinstance(raw, list) else (raw,)
            pack_into(each.block.byte_order + each.format, payload, each.offset, *values)
    return bytes(status), bytes(cells)


def _layout(block: Block, fields: list[Field], start: int) -> tuple[Struct, dict[str, Place]]:
    """One struct for these fields of a block, and where each one's values stand in the row."""
    layout, end = block.byte_order, 0
    places: dict[str, Place] = {}
    last: Place = 0
    for each in sorted((f for f in fields if f.block is block), key=lambda f: f.offset):
        if each.offset >= end:
            count = len(Struct(each.format).unpack(bytes(calcsize(each.format))))
            last = start if count == 1 else slice(start, start + count)
            start += count
            layout += f"{each.offset - end}x{each.format}"
            end = each.offset + calcsize(block.byte_order + each.format)
        # else: other bits of the byte before
        places[each.key] = last
    return Struct(f"{layout}{block.size - end}x"), places


def _way(each: Field | Derived, places: dict[str, Place]) -> tuple[Place, Convert | None]:
    """Where in the row a field's value stands, and what makes it fit to be shown, if needed."""
    decode = each.value.decode
    if isinstance(each, Derived):
        if len(each.of) == 1:
            return places[each.of[0]], decode
        pick = itemgetter(*(places[key] for key in each.of))
        return slice(None), lambda row: decode(pick(row))
    if each.mask is None:
        return places[each.key], None if isinstance(each.value, Whole) else decode
    mask, shift = each.mask, _shift(each.mask)
    # A byte has few values: they are decoded once.
    decoded = tuple(decode((raw & mask) >> shift) for raw in range(0x100))
    return places[each.key], decoded.__getitem__


def _shift(mask: int) -> int:
    return (mask & -mask).bit_length() - 1
