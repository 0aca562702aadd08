"""Readings in, their bytes out: for those who help to find out what they mean.

Above each row of hexadecimal digits of a block stand letters: one for each known field,
``??`` where nobody knows; below it a mark for what has changed since the last cycle.
"""

from __future__ import annotations

import string
import sys
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from struct import calcsize
from typing import TextIO

from ..protocol.bank import remember
from ..protocol.blocks import BLOCKS, PAYLOAD_BYTES, Block
from ..protocol.decode import Reading
from ..protocol.fields import FIELDS, TIME, Derived, Field
from . import Context, Sink

MOST_VALUES = 8
MOST_WITH = 3

UNKNOWN = "??"


def _claims() -> dict[tuple[str, int], Field]:
    """Which field a byte belongs to, by block and offset; the first where two share it."""
    found: dict[tuple[str, int], Field] = {}
    for each in FIELDS:
        if isinstance(each, Field):
            for offset in range(each.offset, each.offset + calcsize(f"={each.format}")):
                found.setdefault((each.block.name, offset), each)
    return found


CLAIMS = _claims()
_IN_ORDER = dict.fromkeys(
    CLAIMS[block.name, offset].key
    for block in BLOCKS
    for offset in range(block.size)
    if (block.name, offset) in CLAIMS
)
LETTERS = dict(zip(_IN_ORDER, string.ascii_uppercase + string.ascii_lowercase, strict=False))


@dataclass
class _Unknown:
    """What was seen of a byte that nobody understands, over all batteries."""

    values: Counter[int] = field(default_factory=Counter)
    cycles: int = 0
    changes: int = 0
    changed_with: Counter[str] = field(default_factory=Counter)


def make(context: Context) -> Sink:
    """The sink that prints on stdout: of a recording only the last cycle, and the summary."""
    return ByteView(sys.stdout, not context.recorded, context.interruptible)


class ByteView(Sink):
    """Prints rulers, each cycle or only the last one, and in the end a summary.

    Needs readings of the experimental stage, which have the raw blocks.
    """

    def __init__(
        self,
        file: TextIO,
        each_cycle: bool,
        interruptible: AbstractContextManager[None] | None = None,
    ) -> None:
        self._file = file
        self._interruptible = interruptible or nullcontext()
        self._each_cycle = each_cycle
        self._last: dict[str, Reading] = {}
        self._changed: dict[str, set[tuple[str, int]]] = {}
        self._unknown = {
            (block.name, offset): _Unknown()
            for block in BLOCKS
            for offset in range(block.size)
            if (block.name, offset) not in CLAIMS
        }

    def publish(self, cycle: list[Reading]) -> None:
        """Take a cycle; raises OSError, BrokenPipeError when nobody reads any more."""
        for reading in cycle:
            self._take(reading)
        if self._each_cycle:
            with self._interruptible:
                self._file.write("".join(map(self._rulers, cycle)))
                self._file.flush()

    def close(self) -> int:
        """Print what was seen of the unknown bytes, and the last rulers if they were not yet."""
        if not self._each_cycle:
            self._file.write("".join(map(self._rulers, self._last.values())))
        self._file.write(self._legend() + self._summary())
        self._file.flush()
        return 0

    def _take(self, reading: Reading) -> None:
        battery = reading["battery_id"]
        before = self._last.get(battery)
        remember(self._last, battery, reading)
        changed: set[tuple[str, int]] = set()
        fields: list[str] = []
        if before:
            fields = [
                each.key
                for each in FIELDS
                if not isinstance(each, Derived) and reading[each.key] != before[each.key]
            ]
        for block in BLOCKS:
            now = _payload(reading, block)
            then = _payload(before, block) if before else now
            changed |= {(block.name, at) for at in range(block.size) if now[at] != then[at]}
            for at in range(block.size):
                unknown = self._unknown.get((block.name, at))
                if unknown is None:
                    continue
                if now[at] in unknown.values or len(unknown.values) < MOST_VALUES:
                    unknown.values[now[at]] += 1
                unknown.cycles += before is not None
                if (block.name, at) in changed:
                    unknown.changes += 1
                    unknown.changed_with.update(fields)
        remember(self._changed, battery, changed)

    def _rulers(self, reading: Reading) -> str:
        changed = self._changed[reading["battery_id"]]
        text = f"battery {reading['battery_number']}  {reading['battery_id']}  {reading[TIME]}\n"
        for block in BLOCKS:
            payload = _payload(reading, block)
            for row, marker in enumerate(block.markers):
                places = range(row * PAYLOAD_BYTES, row * PAYLOAD_BYTES + PAYLOAD_BYTES)
                letters = [_letter(block, at) for at in places]
                marks = ["^^" if (block.name, at) in changed else "  " for at in places]
                digits = payload[row * PAYLOAD_BYTES :][:PAYLOAD_BYTES].hex(" ").upper()
                text += f"  {block.name:6} {marker:02X}  {digits}\n"
                text += f"             {' '.join(f'{letter:>2}' for letter in letters)}\n"
                if "^^" in marks:
                    text += f"             {' '.join(marks)}".rstrip() + "\n"
        return text + "\n"

    def _legend(self) -> str:
        rows = [f"  {letter:>2}  {key}" for key, letter in LETTERS.items()]
        return "\n".join(["known fields", *rows, "", ""])

    def _summary(self) -> str:
        head = (
            f"  {'byte':13} {'offset':>6}  {'changes':>13}  values seen, and what changed with it\n"
        )
        text = f"unknown bytes, over {len(self._last)} batteries\n{head}"
        for (name, at), seen in self._unknown.items():
            block = next(each for each in BLOCKS if each.name == name)
            where = f"{name} {block.markers[at // PAYLOAD_BYTES]:02X}.{at % PAYLOAD_BYTES + 1}"
            values = " ".join(f"{value:02X}" for value in sorted(seen.values))
            if len(seen.values) == MOST_VALUES:
                values += " ..."
            together = ", ".join(
                f"{key} {count}/{seen.changes}"
                for key, count in seen.changed_with.most_common(MOST_WITH)
            )
            changes = f"{seen.changes} of {seen.cycles}"
            text += f"  {where:13} {at:6}  {changes:>13}  {values}" + (
                f"  with {together}\n" if together else "\n"
            )
        return text


def _letter(block: Block, at: int) -> str:
    claim = CLAIMS.get((block.name, at))
    return LETTERS[claim.key] if claim else UNKNOWN


def _payload(reading: Reading, block: Block) -> bytes:
    return bytes.fromhex(reading[f"raw_{block.name.lower()}"])
