"""Arrays out as lines of text, as JSON or as InfluxDB's line protocol."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from ..protocol.decode import Reading
from ..protocol.fields import TIME

# As json.dumps, but without looking for an array within itself, a twentieth of its price.
_encode = json.JSONEncoder(check_circular=False).encode

MEASUREMENT = "eflex"
TAG = "battery_id"


def to_json(cycle: list[Reading]) -> str:
    """The array of one cycle, as text in one line."""
    return _encode(cycle)


def to_influx(cycle: list[Reading]) -> str:
    """The points of one cycle in InfluxDB's line protocol, a line for each battery.

    The names and types are those that Telegraf makes of the JSON, so that both can fill one
    database: lists and objects are spread over ``key_0`` and ``key_1``, all numbers are
    floating-point, what is null is left out.  Times are in nanoseconds.
    """
    return "\n".join(map(_point, cycle))


class TextLines:
    """Prints each cycle in lines of its own."""

    def __init__(self, file: TextIO | None, to_text: Callable[[list[Reading]], str]) -> None:
        if file is None:  # python's word for a stdout that was closed before the start
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), "stdout")
        self._file = file
        self._to_text = to_text

    def publish(self, cycle: list[Reading]) -> None:
        """Print a cycle at once; raises OSError, BrokenPipeError when nobody reads any more."""
        self._file.write(self._to_text(cycle) + "\n")
        self._file.flush()


def _point(reading: Reading) -> str:
    values = ",".join(
        f"{_escaped(name)}={_written(value)}"
        for key, value in reading.items()
        if key not in (TAG, TIME)
        for name, value in _spread(key, value)
    )
    return f"{MEASUREMENT},{TAG}={_escaped(reading[TAG])} {values} {reading[TIME] * 1_000_000_000}"


def _spread(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (list, dict)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, each in items:
            yield from _spread(f"{key}_{name}", each)
    elif value is not None:
        yield key, value


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = re.sub(r'(["\\])', r"\\\1", value)
        return f'"{text}"'
    return str(value)


def _escaped(name: str) -> str:
    return re.sub(r"([,= ])", r"\\\1", name)
