"""The texts of options in, their values out; an ArgumentTypeError says what was expected."""

from __future__ import annotations

import math
import re
from argparse import ArgumentTypeError
from datetime import datetime

from .protocol.bank import BANK
from .protocol.energy import ENERGY
from .protocol.values import Serial
from .sources import EARLIEST, LATEST, Input, parse_input


def source(text: str) -> Input:
    try:
        return parse_input(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def end(text: str) -> float:
    try:
        # Python 3.10 does not know Z.
        date = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", text.strip()))
        seconds = date.timestamp()
    except (ValueError, OverflowError, OSError):
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
    if not EARLIEST <= seconds <= LATEST:
        raise ArgumentTypeError(
            f"'{text}': expected a time such as '2024-05-17 23:05:39', '2024-05-17T21:05:39Z' or "
            "1715987139, from 1990 to 2100"
        )
    return seconds


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
