"""Points out in InfluxDB's line protocol, a line for each battery."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..protocol.array import array_of
from ..protocol.fields import TIME
from . import Context, Sink
from .text_lines import TextLines

MEASUREMENT = "eflex"
TAG = "battery_id"


def make(context: Context) -> Sink:
    """The sink that prints points on stdout."""
    to_array = array_of(context.config.mqtt.fields)
    return TextLines(sys.stdout, lambda cycle: to_influx(to_array(cycle)), context.interruptible)


def to_influx(array: Sequence[Mapping[str, Any]]) -> str:
    """An array in InfluxDB's line protocol: a point, in a line, for each battery.

    Names and types are those that Telegraf makes from the JSON, so that both can fill one
    database: a list or an object becomes ``key_0`` and ``key_1``, all numbers are
    floating-point, a null is left out.  Times are in nanoseconds.
    """
    return "\n".join(map(_point, array))


def _point(battery: Mapping[str, Any]) -> str:
    values = ",".join(
        f"{_escaped(name)}={_written(value)}"
        for key, value in battery.items()
        if key not in (TAG, TIME)
        for name, value in _spread(key, value)
    )
    return f"{MEASUREMENT},{TAG}={_escaped(battery[TAG])} {values} {battery[TIME] * 1_000_000_000}"


def _spread(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    match value:
        case None:
            pass
        case dict():
            for name, each in value.items():
                yield from _spread(f"{key}_{name}", each)
        case list():
            yield from _spread(key, dict(enumerate(value)))
        case _:
            yield key, value


def _written(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            text = re.sub(r'(["\\])', r"\\\1", value)
            return f'"{text}"'
    return str(value)


def _escaped(name: str) -> str:
    return re.sub(r"([,= ])", r"\\\1", name)
