"""The text of a setting in, its value out; ValueError says what was expected."""

from __future__ import annotations

import math
import re
import socket
from collections.abc import Callable, Iterable
from datetime import datetime

EARLIEST, LATEST = 631_152_000.0, 4_102_444_800.0
"""A recorded time from 1990 to 2100 is seconds since 1970; less counts from something else."""

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


def text(expected: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if not value:
            raise ValueError(f"expected {expected}")
        return value

    return parse


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"-?\d{1,9}", value, re.ASCII) or not lowest <= int(value) <= highest:
            raise ValueError(f"expected a whole number from {lowest} to {highest}")
        return int(value)

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.lower() in words:
            return value.lower()
        raise ValueError(f"expected one of {', '.join(words)}{did_you_mean(value, words)}")

    return parse


def switch(value: str) -> bool:
    if value.lower() in ("yes", "true", "on", "1"):
        return True
    if value.lower() in ("no", "false", "off", "0"):
        return False
    raise ValueError("expected yes or no")


def log_level(value: str) -> str:
    return one_of(*LOG_LEVELS)({"warn": "warning", "fatal": "critical"}.get(value.lower(), value))


def number(unit: str, highest: float, why: str, *, zero: bool = False) -> Callable[[str], float]:
    """A number above 0, or from 0; ``why`` is the reason for the bound."""
    above = "from 0" if zero else "above 0"

    def parse(value: str) -> float:
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if not (0 <= found <= highest and (zero or found)):
            raise ValueError(f"expected a number of {unit} {above} to {highest:.0f} ({why})")
        return found

    return parse


def moment(value: str) -> float:
    """A date with or without a time, local unless it has an offset, or seconds since 1970."""
    try:
        # Python 3.10 does not know Z.
        date = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", value.strip()))
        seconds = date.timestamp()
    except (ValueError, OverflowError, OSError):
        try:
            # Python also takes digits of other scripts, and 1_7.
            seconds = float(value) if value.isascii() and "_" not in value else math.nan
        except ValueError:
            seconds = math.nan
    if not EARLIEST <= seconds <= LATEST:
        raise ValueError(
            "expected a time such as '2024-05-17 23:05:39', '2024-05-17T21:05:39Z' or "
            "1715987139, from 1990 to 2100"
        )
    return seconds


def host(value: str) -> str:
    """A host name or an address; the brackets around an IPv6 address are taken off."""
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    try:
        bare.encode("idna")
        if ":" in bare or bare != value:
            socket.inet_pton(socket.AF_INET6, bare.partition("%")[0])
    except (ValueError, OSError):
        bare = ""
    if not re.fullmatch(r"[^][\s/@?#*<>\"'\\,;]+", bare):
        raise ValueError("expected a host name or an address, like localhost or 192.168.1.5")
    return bare


def port(value: str) -> int:
    return whole(1, 65_535)(value)


def interface(value: str) -> str:
    if value == "socketcan":
        return value  # known without importing python-can, which is slow
    from can.interfaces import VALID_INTERFACES

    return one_of(*sorted(VALID_INTERFACES))(value)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known word; people rarely get the first letter wrong."""
    from difflib import SequenceMatcher

    word = word.lower()

    def likeness(other: str) -> float:
        return SequenceMatcher(None, word, other).ratio() + 0.3 * (word[:1] == other[:1])

    best = max(known, key=likeness)
    return f"; did you mean '{best}'?" if likeness(best) > 0.6 else ""
