"""The field table in, the text of a DBC file out, by which other CAN programs show our frames.

Each id of a battery is a message, multiplexed by its first byte, the marker.  A number that
straddles two frames is two signals; a byte that no field claims is one, too, so that it can be
plotted.  The text keeps what the strictest readers ask for: ASCII, one line for each entry, names
that are C identifiers of at most 32 characters, and numbers of at most 32 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from string import ascii_letters
from struct import calcsize

from .blocks import BATTERIES, BLOCKS, CYCLE_S, FRAME_BYTES, PAYLOAD_BYTES, Block
from .fields import FIELDS, Field
from .unclaimed import UNCLAIMED
from .values import (
    Celsius,
    Choice,
    Numbers,
    Probes,
    Serial,
    Tenths,
    Value,
    Whole,
)

MARKER = "marker"
"""The signal that says which frame of its block it is."""

NOT_FITTED, UNKNOWN = "not fitted", "unknown"

_LETTERS = tuple((ord(letter), letter) for letter in ascii_letters)
_BITS = 8
_ALL = 0xFF


@dataclass(frozen=True)
class DbcSignal:
    """Some bits of a block, from ``shift`` of the payload byte ``offset`` on.

    ``words`` has what some raw values mean.
    """

    name: str
    block: Block
    offset: int
    bits: int
    shift: int = 0
    signed: bool = False
    factor: float = 1
    bias: int = 0
    unit: str = ""
    words: tuple[tuple[int, str], ...] = ()
    comment: str = ""

    def line(self) -> str:
        """Its entry in a message."""
        frame, byte = divmod(self.offset, PAYLOAD_BYTES)
        little = self.block.byte_order == "<"
        # Counted from the lowest bit, but big-endian ones from the highest of their first byte.
        last = self.shift if little else min(self.shift + self.bits, _BITS) - 1
        start = (1 + byte) * _BITS + last
        raw = -(1 << self.bits - 1) if self.signed else 0
        lowest, highest = (
            each * self.factor + self.bias for each in (raw, raw + (1 << self.bits) - 1)
        )
        return (
            f" SG_ {self.name} m{self.block.markers[frame]} : {start}|{self.bits}@{int(little)}"
            f"{'-' if self.signed else '+'} ({self.factor:g},{self.bias}) "
            f'[{lowest:.10g}|{highest:.10g}] "{self.unit}" Vector__XXX'
        )


def dbc() -> str:
    """The text of the file."""
    signals = {block: list(_signals(block)) for block in BLOCKS}
    messages = [
        (block.base_id + battery, f"{block.name}_{battery}", block)
        for block in BLOCKS
        for battery in BATTERIES
    ]
    lines = ['VERSION ""', "", "NS_ :", "", "BS_:", "", "BU_:", ""]
    for can_id, name, block in messages:
        lines += [
            f"BO_ {can_id} {name}: {FRAME_BYTES} Vector__XXX",
            f' SG_ {MARKER} M : 0|{_BITS}@1+ (1,0) [0|{_ALL}] "" Vector__XXX',
            *(each.line() for each in signals[block]),
            "",
        ]
    for can_id, name, block in messages:
        text = f"{len(block.markers)} frames of battery {name.split('_')[1]}, told apart by marker"
        lines.append(f'CM_ BO_ {can_id} "{text}; unknown_N is byte N of the block, from 0";')
        lines += [
            f'CM_ SG_ {can_id} {each.name} "{each.comment}";'
            for each in signals[block]
            if each.comment
        ]
    lines += [
        'BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;',
        'BA_DEF_DEF_ "GenMsgCycleTime" 0;',
        *(f'BA_ "GenMsgCycleTime" BO_ {each} {round(CYCLE_S * 1000)};' for each, _, _ in messages),
    ]
    for can_id, _, block in messages:
        for each in signals[block]:
            if each.words:
                words = " ".join(f'{raw} "{word}"' for raw, word in each.words)
                lines.append(f"VAL_ {can_id} {each.name} {words} ;")
    return "\n".join(lines) + "\n"


def _signals(block: Block) -> Iterator[DbcSignal]:
    """All bits of a block, in their order."""
    found = [
        signal
        for field in FIELDS
        if isinstance(field, Field) and field.block is block
        for signal in _of_field(field)
    ]
    return iter(sorted([*found, *_unknown(block)], key=lambda each: (each.offset, each.shift)))


def _of_field(field: Field) -> Iterator[DbcSignal]:
    factor, bias, words = _scale(field.value)
    comment = f"{field.meaning} ({field.evidence}; {field.source})"
    signal = DbcSignal(
        *(field.key, field.block, field.offset, _BITS),
        factor=factor,
        bias=bias,
        unit=_ascii(field.unit),
        comment=_ascii(comment),
    )
    match field.value:
        case Serial():
            parts = [(f"{field.key}_{name}", kind) for name, kind in field.value.parts]
            bcd = "year, month and line are BCD: 34, hexadecimal 22, stands for 22"
            signal = replace(signal, comment=f"{signal.comment}; {bcd}")
        case Numbers() | Probes():
            count, kind = field.count, field.format[-1]
            one = field.key.removesuffix("s")
            parts = [(f"{one}_{number}", kind) for number in range(1, count + 1)]
        case _:
            parts = [(field.key, field.format)]
    for name, kind in parts:
        signal = replace(signal, name=name, bits=calcsize(kind) * _BITS, signed=kind == "h")
        yield from _fitted(replace(signal, words=_LETTERS if kind == "1s" else words), field.mask)
        signal = replace(signal, offset=signal.offset + calcsize(kind))


def _fitted(signal: DbcSignal, mask: int | None) -> Iterator[DbcSignal]:
    """The bits of a signal that its mask has; two signals if it is in two frames."""
    if mask is not None:
        shift = (mask & -mask).bit_length() - 1
        yield replace(signal, bits=mask.bit_count(), shift=shift)
        return
    first, last = signal.offset, signal.offset + signal.bits // _BITS - 1
    if first // PAYLOAD_BYTES == last // PAYLOAD_BYTES:
        yield signal
        return
    # Only cells, of two bytes and little-endian, are.
    low, high = f"{signal.name}_low", f"{signal.name}_high"
    comment = f"{signal.comment}; the cell has {low} + {high}"
    yield replace(signal, name=low, bits=_BITS, comment=comment)
    yield replace(signal, name=high, offset=last, bits=_BITS, factor=1 << _BITS, comment=comment)


def _unknown(block: Block) -> Iterator[DbcSignal]:
    """What no field claims: whole bytes, and single bits of the others."""
    for each in UNCLAIMED:
        if each.block is not block:
            continue
        name = f"unknown_{each.offset}"
        if each.is_whole:
            yield DbcSignal(name, block, each.offset, _BITS)
        else:
            for bit in range(_BITS):
                if each.mask >> bit & 1:
                    yield DbcSignal(f"{name}_bit_{bit}", block, each.offset, 1, bit)


def _scale(value: Value) -> tuple[float, int, tuple[tuple[int, str], ...]]:
    """The factor, what is added, and the words for raw values."""
    match value:
        case Tenths():
            return 0.1, 0, ()
        case Celsius():
            return 1, -value.OFFSET, ()
        case Probes():
            return 1, -Celsius.OFFSET, ((0, NOT_FITTED),)
        case Choice():
            return 1, 0, tuple(enumerate(value.words))
        case Whole():
            return 1, 0, () if value.unknown is None else ((value.unknown, UNKNOWN),)
        case _:
            return 1, 0, ()


def _ascii(text: str) -> str:
    # Some programs take the file for UTF-8, others for Windows' code page.
    return text.replace("°", "deg")
