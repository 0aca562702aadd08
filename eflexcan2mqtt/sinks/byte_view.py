"""Cycles in; the bytes of both blocks out, beside the fields that are known.

For people who want to find out what the other bytes mean.  Each row of hexadecimal digits has
the letters of the field table below it, ``??`` for unknown bytes, and a mark under bytes that
have changed since the last cycle.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TextIO

from ..protocol.bank import remember
from ..protocol.blocks import BLOCKS, CELLS, PAYLOAD_BYTES, STATUS
from ..protocol.energy import EnergySession, unit_hints
from ..protocol.fields import FIELDS, Field
from ..protocol.reading import Reading
from ..protocol.unclaimed import UNCLAIMED
from . import Context, Sink

MOST_VALUES = 8
MOST_WITH = 3

UNKNOWN = "??"

_SENT = [each for each in FIELDS if isinstance(each, Field)]

LETTERS = {(each.block.name, offset): each.letter for each in _SENT for offset in each.span}
"""The letter of the field at each known byte, by block and offset."""


@dataclass
class _UnknownByte:
    """The values and changes seen of an unknown byte, over all batteries."""

    values: Counter[int] = field(default_factory=Counter)
    cycles: int = 0
    changes: int = 0
    changed_with: Counter[str] = field(default_factory=Counter)


def make(context: Context) -> Sink:
    """The sink that prints on stdout: of a recording only the last cycle, and the summary."""
    each_cycle = not context.recorded
    return ByteView(sys.stdout, each_cycle, context.interruptible, context.energy)


class ByteView(Sink):
    """Prints the bytes of each cycle, or only of the last one, and at the end a summary."""

    def __init__(
        self,
        file: TextIO,
        each_cycle: bool,
        interruptible: AbstractContextManager[None] | None = None,
        energy: Callable[[], EnergySession] = EnergySession,
    ) -> None:
        self._file = file
        self._energy = energy
        self._interruptible = interruptible or nullcontext()
        self._each_cycle = each_cycle
        self._last: dict[str, Reading] = {}
        self._changed: dict[str, set[tuple[str, int]]] = {}
        self._unknown = {each: _UnknownByte() for each in UNCLAIMED if each.is_whole}

    def publish(self, cycle: list[Reading]) -> None:
        """Take a cycle; raises OSError, BrokenPipeError when the reader is gone."""
        for reading in cycle:
            self._take(reading)
        if self._each_cycle:
            with self._interruptible:
                self._file.write("".join(map(self._rulers, cycle)))
                self._file.flush()

    def close(self) -> int:
        """Print the last rulers, unless each cycle was printed, the legend and the summary."""
        if not self._each_cycle:
            self._file.write("".join(map(self._rulers, self._last.values())))
        self._file.write(self._legend() + self._summary() + _notes(self._energy()))
        self._file.flush()
        return 0

    def _take(self, reading: Reading) -> None:
        battery = reading["battery_id"]
        before = self._last.get(battery)
        remember(self._last, battery, reading)
        then = _payloads(before or reading)
        now = _payloads(reading)
        changed = {
            (name, at)
            for name, payload in now.items()
            for at, value in enumerate(payload)
            if value != then[name][at]
        }
        fields = _changed_fields(before, reading) if before else []
        for byte, unknown in self._unknown.items():
            name, at = byte.block.name, byte.offset
            value = now[name][at]
            if value in unknown.values or len(unknown.values) < MOST_VALUES:
                unknown.values[value] += 1
            unknown.cycles += before is not None
            if (name, at) in changed:
                unknown.changes += 1
                unknown.changed_with.update(fields)
        remember(self._changed, battery, changed)

    def _rulers(self, reading: Reading) -> str:
        changed = self._changed[reading["battery_id"]]
        payloads = _payloads(reading)
        text = f"battery {reading['battery_number']}  {reading['battery_id']}  {reading['time']}\n"
        for block in BLOCKS:
            payload = payloads[block.name]
            for row, marker in enumerate(block.markers):
                places = range(row * PAYLOAD_BYTES, row * PAYLOAD_BYTES + PAYLOAD_BYTES)
                letters = [LETTERS.get((block.name, at), UNKNOWN) for at in places]
                marks = ["^^" if (block.name, at) in changed else "  " for at in places]
                digits = payload[row * PAYLOAD_BYTES :][:PAYLOAD_BYTES].hex(" ").upper()
                text += f"  {block.name:6} {marker:02X}  {digits}\n"
                text += f"             {' '.join(f'{letter:>2}' for letter in letters)}\n"
                if "^^" in marks:
                    text += f"             {' '.join(marks)}".rstrip() + "\n"
        return text + "\n"

    def _legend(self) -> str:
        keys: dict[str, list[str]] = {}
        for each in _SENT:
            keys.setdefault(each.letter, []).append(each.key)
        rows = [f"  {letter:>2}  {', '.join(names)}" for letter, names in keys.items()]
        return "\n".join(["known fields", *rows, "", ""])

    def _summary(self) -> str:
        head = (
            f"  {'byte':13} {'offset':>6}  {'changes':>13}  values seen, and what changed with it\n"
        )
        text = f"unknown bytes, over {len(self._last)} batteries\n{head}"
        for byte, seen in self._unknown.items():
            values = " ".join(f"{value:02X}" for value in sorted(seen.values))
            if len(seen.values) == MOST_VALUES:
                values += " ..."
            together = ", ".join(
                f"{key} {count}/{seen.changes}"
                for key, count in seen.changed_with.most_common(MOST_WITH)
            )
            changes = f"{seen.changes} of {seen.cycles}"
            text += f"  {byte!s:13} {byte.offset:6}  {changes:>13}  {values}" + (
                f"  with {together}\n" if together else "\n"
            )
        return text


def _notes(session: EnergySession) -> str:
    """What may prove the unit of a field."""
    hints = unit_hints(session)
    if not hints:
        return ""
    head = "\nlifetime_discharge_energy rose for each Wh out of a battery by\n"
    return head + "".join(f"  {ratio:9.3f}  {name}\n" for name, ratio in hints.items())


def _changed_fields(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [each.key for each in _SENT if now[each.key] != before[each.key]]


def _payloads(reading: Mapping[str, Any]) -> dict[str, bytes]:
    """The bytes of both blocks, by the block's name."""
    raw = {STATUS.name: reading["raw_status"], CELLS.name: reading["raw_cells"]}
    return {name: bytes.fromhex(digits) for name, digits in raw.items()}
