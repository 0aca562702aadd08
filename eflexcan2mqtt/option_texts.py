"""The texts of options in, their values out; an ArgumentTypeError says what was expected."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError

from .protocol.bank import BANK
from .protocol.energy import ENERGY
from .protocol.values import Serial
from .settings.parsers import moment
from .sources import Input, parse_input


def source(text: str) -> Input:
    try:
        return parse_input(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


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
