"""How raw numbers of a block become values, and back: one small class for each kind of value.

``decode`` takes what struct unpacked and returns what the JSON shows; Letter and Serial raise
ValueError with what they expected, all others decode any bytes.  ``encode`` is the inverse,
where there is one.  ``json_type`` is the type in the table of fields.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NoReturn

from .blocks import BATTERIES

PROBES = 6


class Whole:
    """A whole number as it stands; of others the nearest, as the original does with times.

    ``unknown`` is what a battery sends for a value that it does not know.  The array has that
    number, as the original's; people and statistics are not shown it.
    """

    json_type = "integer"

    decode = encode = staticmethod(round)

    def __init__(self, unknown: int | None = None) -> None:
        self.unknown = unknown


class Tenths:
    """A number in tenths of its unit."""

    json_type = "number"

    @staticmethod
    def decode(raw: int) -> float:
        # Never raw * 0.1: 53.3, not 53.300000000000004.
        return raw / 10

    @staticmethod
    def encode(value: float) -> int:
        return round(value * 10)


class Celsius:
    """A temperature that is sent 40 above its value in °C."""

    json_type = "integer"
    OFFSET = 40

    def decode(self, raw: int) -> int:
        return raw - self.OFFSET

    def encode(self, value: int) -> int:
        return value + self.OFFSET


class Probes:
    """The temperatures of the probes, keyed by their number; None where none is fitted."""

    json_type = "object"
    _numbers = tuple(str(number) for number in range(1, PROBES + 1))

    def decode(self, raw: Sequence[int]) -> dict[str, int | None]:
        probes = zip(self._numbers, raw, strict=True)
        return {number: byte - Celsius.OFFSET if byte else None for number, byte in probes}

    def encode(self, value: dict[str, int | None]) -> list[int]:
        probes = [value[number] for number in self._numbers]
        return [0 if each is None else each + Celsius.OFFSET for each in probes]


class Numbers:
    """A row of whole numbers."""

    json_type = "list of integers"

    @staticmethod
    def decode(raw: Sequence[int]) -> list[int]:
        return list(raw)

    encode = decode


class Choice:
    """A bit with a word for 0 and a word for 1; ``plain`` has words that everybody knows."""

    json_type = "string"

    def __init__(self, *words: str, plain: tuple[str, str]) -> None:
        self.words = words
        self.plain = plain

    def decode(self, raw: int) -> str:
        return self.words[raw]

    def encode(self, value: str) -> int:
        return self.words.index(value)


class Letter:
    """One visible ASCII character."""

    json_type = "string"

    def decode(self, raw: bytes) -> str:
        if not 0x21 <= raw[0] <= 0x7E:
            raise ValueError("expected a visible ASCII character")
        return raw.decode("ascii")

    def encode(self, value: str) -> bytes:
        return value.encode("ascii")


class Serial:
    """The serial number of a battery.

    Two BCD bytes (year, month), one byte that is printed in decimal, one BCD byte,
    a letter, and a 16-bit number that is printed with at least four digits:
    22 11 00 54 46 27 0F is 2211054F9999.
    """

    json_type = "string"
    parts = (
        *(("year", "B"), ("month", "B"), ("number", "B")),
        *(("line", "B"), ("letter", "1s"), ("count", "H")),
    )
    """What its bytes are called, with struct's formats."""
    _MADE_UP = "2200"
    _PARTS = re.compile(r"(\d\d)(\d\d)(\d{1,3})(\d\d)([A-Za-z])(\d{4,5})")

    # A bank sends the same few numbers in each cycle.
    @staticmethod
    @lru_cache(maxsize=2 * len(BATTERIES))
    def decode(raw: bytes) -> str:
        text = raw.hex()
        letter = chr(raw[4])
        if not (text[:4] + text[6:8]).isdecimal() or not ("A" <= letter.upper() <= "Z"):
            raise ValueError("expected BCD, BCD, number, BCD, ASCII letter, number, number")
        return f"{text[:4]}{raw[2]}{text[6:8]}{letter}{raw[5] << 8 | raw[6]:04d}"

    def encode(self, value: str) -> bytes:
        parts = self._PARTS.fullmatch(value)
        if parts is None:
            raise ValueError(f"{value!r}: expected a serial number like 2211054F9999")
        year, month, number, line, letter, count = parts.groups()
        return (
            bytes.fromhex(year + month)
            + bytes([int(number)])
            + bytes.fromhex(line)
            + letter.encode("ascii")
            + int(count).to_bytes(2, "big")
        )

    def made_up(self, index: int) -> bytes:
        """Of 2200000F0001, 2200000F0002 and so on: enough for any recording."""
        rest, last = divmod(index, 0xFFFF)
        number, line = divmod(rest, 100)
        return self.encode(f"{self._MADE_UP}{number}{line:02d}F{last + 1:04d}")

    @classmethod
    def is_made_up(cls, value: str) -> bool:
        """Whether it is one of those: no real one has month 00.

        The same ones stand for other batteries in other recordings.
        """
        return value.startswith(cls._MADE_UP)


class Hex:
    """A whole block, as hexadecimal digits."""

    json_type = "string"
    decode = staticmethod(bytes.hex)
    encode = staticmethod(bytes.fromhex)


class WorstAlarm:
    """The worst level with an alarm, from the words of the three levels."""

    json_type = "string"

    def decode(self, words: Sequence[int]) -> str:
        if not any(words):
            return "Normal"
        worst = next(level for level, word in enumerate(words, 1) if word)
        return str(worst)


class BitOf:
    """Whether one bit of another field is set."""

    json_type = "boolean"

    def __init__(self, bit: int) -> None:
        self.bit = bit

    def decode(self, word: int) -> bool:
        return bool(word >> self.bit & 1)


class Bits:
    """The numbers of the bits that are set in another field, from 0, the lowest."""

    json_type = "list of integers"

    # A bank sends the same few words in each cycle; nobody may change the list that they share.
    @staticmethod
    @lru_cache(maxsize=64)
    def decode(word: int) -> list[int]:
        return [bit for bit in range(word.bit_length()) if word >> bit & 1]


Value = Whole | Tenths | Celsius | Probes | Numbers | Choice | Letter | Serial
"""A value that a battery sends; it can be encoded, too."""

View = Value | Hex | WorstAlarm | BitOf | Bits
"""Any value of the JSON."""


def assert_never(kind: NoReturn, /) -> NoReturn:
    """Close a ``match`` over every kind of value, as typing's does, which Python 3.10 lacks."""
    raise AssertionError(f"{kind!r}: a kind of value that nothing is known about")
