"""The texts of options in, their values out; an ArgumentTypeError says what was expected."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError

from ..protocol.bank import BANK
from ..protocol.energy import ENERGY
from ..protocol.values import Serial
from ..settings.parsers import moment
from ..sources import BUS, Input, parse_input

LONGEST_S = 86_400
"""So much of the simulator can be converted: a day of 14 batteries has 21 million frames."""


def source(text: str) -> Input:
    try:
        return parse_input(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def file(text: str) -> Input:
    """A source that ends: no bus."""
    found = source(text)
    if found.kind == BUS:
        raise ArgumentTypeError(f"'{text}': expected a recording or the simulator, not a bus")
    return found


def seconds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LONGEST_S:
        raise ArgumentTypeError(f"'{text}': expected a whole number from 1 to {LONGEST_S}")
    return int(text)


def end(text: str) -> float:
    try:
        return moment(text)
    except ValueError as error:
        raise ArgumentTypeError(f"'{text}': {error}") from None


def battery(text: str) -> str:
    if text not in {BANK, ENERGY}:
        try:
            Serial().encode(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from None
    return text


def speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 <= speed < math.inf:
        raise ArgumentTypeError(f"'{text}': expected a number, 0 or more")
    return speed
