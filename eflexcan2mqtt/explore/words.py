"""Changes of unknown bytes in, the words of 8, 16 and 32 bits that only ever rise or fall out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import NamedTuple

from ..protocol.unclaimed import UNCLAIMED, Unclaimed

WIDTHS = (4, 2, 1)
BIG, LITTLE = "big-endian", "little-endian"
ENOUGH_BITS = 40
"""A word is claimed if chance makes one in fewer of 2 to the power of so many."""
FEWEST_STEPS = 40
"""So often it must have changed in one battery: a random walk rises as often by 2^-40."""
MOST_UNEVEN = 128
"""Steps of a word that differ by more do not show that its lowest byte belongs to it."""


class Word(NamedTuple):
    """Unknown bytes that may be one number: their places in UNCLAIMED, the highest byte first."""

    bytes: tuple[int, ...]
    order: str

    def __str__(self) -> str:
        first, last = UNCLAIMED[min(self.bytes)], UNCLAIMED[max(self.bytes)]
        if first == last:
            return str(first)
        return f"{first} to {str(last).split()[1]}"


class Monotonic(NamedTuple):
    """A word that never turned: ``least`` and ``most`` are its steps, ``bits`` the evidence.

    ``steady`` is whether it changed with each reading of the battery that changed it most.
    """

    word: Word
    rising: bool
    steps: int
    least: int
    most: int
    carries: int
    steady: bool
    bits: float


@dataclass
class _Course:
    """What a word has done in one battery."""

    rising: bool
    steps: int = 0
    least: int = 1 << 32
    most: int = 0
    changes: Counter[int] = field(default_factory=Counter)  # of each byte, by its place


def _words() -> Iterator[Word]:
    for width in WIDTHS:
        for start in range(len(UNCLAIMED) - width + 1):
            places = tuple(range(start, start + width))
            if all(_adjacent(*(UNCLAIMED[each] for each in pair)) for pair in pairwise(places)):
                yield Word(places, BIG)
                if width > 1:
                    yield Word(places[::-1], LITTLE)


def _adjacent(left: Unclaimed, right: Unclaimed) -> bool:
    whole = left.is_whole and right.is_whole
    return whole and left.block is right.block and right.offset == left.offset + 1


WORDS = tuple(_words())
_OF_BYTE = [[word for word in WORDS if place in word.bytes] for place in range(len(UNCLAIMED))]


class Words:
    """Watches all words of all batteries."""

    def __init__(self) -> None:
        self._courses: dict[tuple[str, Word], _Course] = {}
        self._turned: set[Word] = set()

    def change(self, battery: str, before: bytes, now: bytes, places: list[int]) -> None:
        """The unknown bytes of a battery at some places have changed."""
        for word in dict.fromkeys(each for at in places for each in _OF_BYTE[at]):
            if word not in self._turned:
                self._watch(battery, word, before, now)

    def _watch(self, battery: str, word: Word, before: bytes, now: bytes) -> None:
        old, new = (
            int.from_bytes([each[at] for at in word.bytes], "big") for each in (before, now)
        )
        size = 1 << 8 * len(word.bytes)
        up = (new - old) % size
        rising = up < size // 2
        course = self._courses.get((battery, word))
        if course is None:
            course = self._courses[battery, word] = _Course(rising)
        if course.rising != rising:
            self._turned.add(word)
            return
        step = up if rising else size - up
        course.steps += 1
        course.least, course.most = min(course.least, step), max(course.most, step)
        course.changes.update(at for at in word.bytes if before[at] != now[at])

    def monotonic(self, readings: dict[str, int]) -> list[Monotonic]:
        """The claimed words, the most evident first, each byte in one of them only.

        ``readings`` counts those of each battery.
        """
        best: dict[Word, Monotonic] = {}
        for (battery, word), course in self._courses.items():
            found = None if word in self._turned else _judged(word, course, readings[battery])
            if found and (word not in best or found.bits > best[word].bits):
                best[word] = found
        return list(_apart(sorted(best.values(), key=lambda each: -each.bits)))


def _judged(word: Word, course: _Course, readings: int) -> Monotonic | None:
    changes = [course.changes[at] for at in word.bytes]
    # Bytes above the highest one that changed may belong to another word, or be 0.
    top = next(place for place, count in enumerate(changes) if count)
    width, carries = len(changes) - top, changes[top]
    if changes != sorted(changes):
        return None  # in this order, a lower byte would be slower than the one above it
    bits = carries * (8 * width - math.log2(course.most))
    narrow = width <= len(word.bytes) // 2
    uneven = width > 1 and course.most - course.least > MOST_UNEVEN
    if narrow or uneven or course.steps < FEWEST_STEPS or bits < ENOUGH_BITS:
        return None
    return Monotonic(
        word=word,
        rising=course.rising,
        steps=course.steps,
        least=course.least,
        most=course.most,
        carries=carries,
        steady=course.steps >= readings - 1,
        bits=bits,
    )


def _apart(found: list[Monotonic]) -> Iterator[Monotonic]:
    """Wide words first: their bytes are no words of their own."""
    taken: set[int] = set()
    for width, each in product(WIDTHS, found):
        if len(each.word.bytes) == width and taken.isdisjoint(each.word.bytes):
            taken.update(each.word.bytes)
            yield each
