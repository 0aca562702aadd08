"""The text of a setting in, its value out; ValueError says what was expected."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


def text(expected: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if not value:
            raise ValueError(f"expected {expected}")
        return value

    return parse


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII) or not lowest <= int(value) <= highest:
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


def seconds(value: str) -> float:
    number = _number(value)
    if not 0 <= number < math.inf:
        raise ValueError("expected a number of seconds, 0 or more")
    return number


def positive(unit: str) -> Callable[[str], float]:
    def parse(value: str) -> float:
        number = _number(value)
        if not 0 < number < math.inf:
            raise ValueError(f"expected a number of {unit}, more than 0")
        return number

    return parse


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


def hostname(value: str) -> str:
    try:
        value.encode("idna")
    except UnicodeError:
        value = ""
    if not re.fullmatch(r"[^\s/@?#]+", value):
        raise ValueError("expected a host name or an address, like localhost or 192.168.1.5")
    return value


def address(value: str) -> str:
    host, _, port = value.rpartition(":")
    try:
        good = not value or (hostname(host.strip("[]")) and whole(1, 65_535)(port))
    except ValueError:
        good = False
    if not good:
        raise ValueError("expected an address and a port, like 127.0.0.1:8080")
    return value


def topic(value: str) -> str:
    # The longest topic made from it must fit into MQTT's 65,535 bytes, too.
    if not value or re.search(r"[+#\0]", value) or len(value.encode()) > 65_000:
        raise ValueError("expected an MQTT topic without + and #")
    return value


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
