"""A record in, its reading out, and back; both made from the field table. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from struct import Struct, pack_into
from typing import Any, cast

from .assembler import Record
from .blocks import BLOCKS, CELLS, STATUS, Block
from .fields import FIELDS, TIME, Derived, Field
from .reading import Reading
from .values import Whole

Place = int | slice
Convert = Callable[[Any], Any]


class DecodeError(ValueError):
    """A record with bytes that no battery sends: names battery, field and bytes."""

    def __init__(self, battery: int, key: str, raw: Any, expected: ValueError) -> None:
        super().__init__(f"battery {battery}: {key}: bytes {raw.hex(' ').upper()}: {expected}")
        self.battery = battery
        self.key = key


def decode(record: Record) -> Reading:
    """Decode every field of a record.

    Raises DecodeError for a battery_id or a hardware_version that is not one; all other
    fields have a value for any bytes.
    """
    _, status, cells, time = record
    row = (status, cells, time, *_unpack_status(status), *_unpack_cells(cells))
    try:
        reading = {
            key: convert(row[place]) if convert else row[place] for key, place, convert in _PLAN
        }
    except ValueError:
        first, *_ = _decode_errors(record.battery, row)
        raise first from None
    return cast(Reading, reading)


def encode(reading: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Make the two blocks a battery sends for a reading: STATUS and CELLS.

    The inverse of decoding, for any part of a reading.  Bytes of no given field are taken from
    ``raw_status`` and ``raw_cells``, or else are 0.  Raises ValueError or struct.error for a
    value that does not fit.
    """
    status = bytearray.fromhex(reading.get("raw_status", "00" * STATUS.size))
    cells = bytearray.fromhex(reading.get("raw_cells", "00" * CELLS.size))
    for each in FIELDS:
        if isinstance(each, Field) and each.key in reading:
            payload = status if each.block is STATUS else cells
            raw: Any = each.value.encode(reading[each.key])
            if each.mask is not None:
                raw = payload[each.offset] & ~each.mask | raw << _shift(each.mask)
            values = raw if isinstance(raw, list) else (raw,)
            pack_into(each.block.byte_order + each.format, payload, each.offset, *values)
    return bytes(status), bytes(cells)


def _decode_errors(battery: int, row: tuple[Any, ...]) -> Iterator[DecodeError]:
    for key, place, convert in _PLAN:
        try:
            if convert:
                convert(row[place])
        except ValueError as error:
            yield DecodeError(battery, key, row[place], error)


def _layout(block: Block, start: int) -> tuple[Struct, dict[str, Place]]:
    """One struct for the fields of a block, and the place of each one's values in the row."""
    layout, end = block.byte_order, 0
    places: dict[str, Place] = {}
    last: Place = 0
    fields = [each for each in FIELDS if isinstance(each, Field) and each.block is block]
    for each in sorted(fields, key=lambda field: field.offset):
        if each.offset >= end:
            last = start if each.count == 1 else slice(start, start + each.count)
            start += each.count
            layout += f"{each.offset - end}x{each.format}"
            end = each.span.stop
        # else: other bits of the byte before
        places[each.key] = last
    return Struct(f"{layout}{block.size - end}x"), places


def _accessor(each: Field | Derived, places: dict[str, Place]) -> tuple[Place, Convert | None]:
    """The place of a field's raw value in the row, and its conversion if it needs one."""
    convert: Convert = each.value.decode
    if isinstance(each, Derived):
        if len(each.of) == 1:
            return places[each.of[0]], convert
        pick = itemgetter(*(places[key] for key in each.of))
        return slice(None), lambda row: convert(pick(row))
    if each.mask is None:
        return places[each.key], None if isinstance(each.value, Whole) else convert
    mask, shift = each.mask, _shift(each.mask)
    # A byte has few values: each is decoded once, here.
    decoded = [convert((raw & mask) >> shift) for raw in range(0x100)]
    return places[each.key], decoded.__getitem__


def _shift(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _layouts() -> tuple[list[Struct], dict[str, Place]]:
    """The struct of each block, and the place of each raw value in the row.

    The row begins with the record's own parts: both payloads and the time.
    """
    places: dict[str, Place] = {STATUS.name: 0, CELLS.name: 1, TIME: 2}
    start = len(places)
    structs = []
    for block in BLOCKS:
        struct, found = _layout(block, start)
        structs.append(struct)
        places.update(found)
        start += len(struct.unpack(bytes(block.size)))
    return structs, places


_structs, _places = _layouts()
_unpack_status, _unpack_cells = (struct.unpack for struct in _structs)
_PLAN = [(each.key, *_accessor(each, _places)) for each in FIELDS]
