"""The parameters of ``/history`` in, its answer as JSON or CSV out; docs/history.md has both."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from ...protocol.bank import BANK
from ...protocol.blocks import BATTERIES
from ...protocol.minutes import BANK_NUMBER
from ...settings.parsers import moment, whole
from ..history.past import MOST_POINTS, Past, PastAnswer, PastError, Point, Question, with_gaps

DAY_S = 86_400
DEFAULT_POINTS = 500

NO_HISTORY = "there is no history: [storage] directory is not set, or [history] max_mb is 0\n"

JSON, CSV = "application/json", "text/csv; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"

BYTE_ORDER_MARK = "\ufeff"
"""Without it, Excel takes ° for two letters."""

_QUANTITIES = ("soc", "voltage", "current", "power")

_CSV_TIME = ("time", "UTC offset (h)")
_CSV = {
    "soc": "SOC (%)",
    "soc_min": "SOC min (%)",
    "soc_max": "SOC max (%)",
    "voltage": "voltage (V)",
    "voltage_min": "voltage min (V)",
    "voltage_max": "voltage max (V)",
    "current": "current (A)",
    "current_min": "current min (A)",
    "current_max": "current max (A)",
    "power": "power (W)",
    "power_min": "power min (W)",
    "power_max": "power max (W)",
    "temperature_min": "temperature min (°C)",
    "temperature_max": "temperature max (°C)",
    "energy_in": "energy in (kWh)",
    "energy_out": "energy out (kWh)",
}
_CSV_CELLS = {
    "cell_min": ("lowest cell (mV)", "battery of lowest cell", "lowest cell"),
    "cell_max": ("highest cell (mV)", "battery of highest cell", "highest cell"),
}


def answer(past: Past | None, query: str) -> tuple[HTTPStatus, str, str]:
    """Status, type and text."""
    if past is None:
        return HTTPStatus.NOT_FOUND, PLAIN, NO_HISTORY
    try:
        question, kind = _asked(query, time.time())
    except ValueError as error:
        return HTTPStatus.BAD_REQUEST, PLAIN, f"{error}\n"
    try:
        found = past.ask(question)
    except PastError as error:
        return HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, f"{error}\n"
    if kind == "csv":
        return HTTPStatus.OK, CSV, _to_csv(found)
    return HTTPStatus.OK, JSON, json.dumps(_to_json(question, found))


def _asked(query: str, now: float) -> tuple[Question, str]:
    """What the parameters ask for; raises ValueError with the name of a wrong one."""
    known = ("battery", "format", "from", "points", "to")
    given: dict[str, str] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise ValueError(f"{name}: unknown parameter; there are {', '.join(known)}")
        if name in given:
            raise ValueError(f"{name}: given more than once")
        given[name] = text

    def value(name: str, parse: Callable[[str], Any], default: Any) -> Any:
        try:
            return parse(given[name]) if name in given else default
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    end = int(value("to", moment, now + 1))
    start = int(value("from", moment, end - DAY_S))
    if start >= end:
        raise ValueError("from: expected a time before to")
    points = value("points", whole(1, MOST_POINTS), DEFAULT_POINTS)
    kind = value("format", _format, "json")
    return Question(value("battery", _battery, BANK_NUMBER), start, end, points), kind


def _battery(text: str) -> int:
    if text == BANK:
        return BANK_NUMBER
    try:
        return whole(BATTERIES[0], BATTERIES[-1])(text)
    except ValueError:
        expected = f"expected {BANK} or a number from {BATTERIES[0]} to {BATTERIES[-1]}"
        raise ValueError(expected) from None


def _format(text: str) -> str:
    if text not in ("json", "csv"):
        raise ValueError("expected json or csv")
    return text


def _to_json(question: Question, found: PastAnswer) -> dict[str, Any]:
    points = list(with_gaps(found.points, found.step))

    def column(key: str) -> list[Any]:
        return [each[key] for each in points]

    def parts(key: str) -> list[list[Any]]:
        """The mV, batteries and cells of a column of cells."""
        return [[each and each[part] for each in column(key)] for part in range(3)]

    low, high = parts("cell_min"), parts("cell_max")
    return {
        "battery": question.battery or BANK,
        "from": question.start,
        "to": question.end,
        "step": found.step,
        "time": column("time"),
        **{
            name: {
                "mean": column(name),
                "min": column(f"{name}_min"),
                "max": column(f"{name}_max"),
            }
            for name in _QUANTITIES
        },
        "temperature": {"low": column("temperature_min"), "high": column("temperature_max")},
        "cells": {
            **dict(zip(("low_mv", "low_battery", "low_cell"), low, strict=True)),
            **dict(zip(("high_mv", "high_battery", "high_cell"), high, strict=True)),
        },
        "energy": {
            "in_kwh": round(sum(each["energy_in"] for each in found.points), 3),
            "out_kwh": round(sum(each["energy_out"] for each in found.points), 3),
        },
        "events": [
            {
                **each._asdict(),
                "battery": each.battery or None,
                "begin": bool(each.begin),
                "text": each.sentence,
            }
            for each in found.events
        ],
        "events_left_out": found.events_left_out,
        "first": found.first,
    }


def _to_csv(found: PastAnswer) -> str:
    text = io.StringIO()
    text.write(BYTE_ORDER_MARK)
    writer = csv.writer(text)
    writer.writerow(
        [*_CSV_TIME, *_CSV.values(), *(name for each in _CSV_CELLS.values() for name in each)]
    )
    writer.writerows(map(list, map(_row, found.points)))
    return text.getvalue()


def _row(point: Point) -> Iterator[Any]:
    # Spreadsheets take a local time with its offset for text; without, an hour of autumn is twice.
    local = datetime.fromtimestamp(point["time"]).astimezone()
    yield local.replace(tzinfo=None).isoformat(" ")
    yield (local.utcoffset() or timedelta()) / timedelta(hours=1)
    for key in _CSV:
        yield round(point[key], 4)
    for key in _CSV_CELLS:
        yield from point[key]
