"""The latest readings and our own counters in, Prometheus' text format out.

What a metric is called follows from the field table: the key, and the unit in Prometheus'
base units.  prometheus-client is imported nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ...protocol.decode import Reading
from ...protocol.fields import ALARM_STATES, FIELDS, TIME, Derived, Field
from ...protocol.values import BitOf, Choice, Hex, Letter, Numbers, Probes, Serial, WorstAlarm
from .board import Board

KIND = "text/plain; version=0.0.4; charset=utf-8"
LABEL = "battery_id"

# The base unit, and how many of a field's make one.
_UNITS = {
    "": ("", 1),
    "V": ("_volts", 1),
    "mV": ("_volts", 1000),
    "A": ("_amperes", 1),
    "%": ("_ratio", 100),
    "°C": ("_celsius", 1),
    "s": ("_seconds", 1),
}
_IN_INFO = ("battery_number", "software_version", "hardware_version")


def metrics(board: Board) -> str:
    """The page of a scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Latest(board))
    return generate_latest(registry).decode()


class _Latest(Collector):
    """What is there at the moment of a scrape."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        readings = self._board.recent()
        info = GaugeMetricFamily("eflex_battery_info", "who it is", labels=(LABEL, *_IN_INFO))
        for reading in readings:
            info.add_metric([reading[LABEL], *(str(reading[key]) for key in _IN_INFO)], 1)
        yield info
        for field in FIELDS:
            if field.key not in _IN_INFO and not isinstance(field.value, (Serial, Letter, Hex)):
                yield _family(field, [each for each in readings if field.key in each])
        yield from _counters(self._board.health())


def _family(field: Field | Derived, readings: list[Reading]) -> Metric:
    """One field of all batteries."""
    value, help_text = field.value, field.meaning
    unit, divisor = _UNITS[field.unit]
    name = f"eflex_{field.key}{unit}"
    labels: tuple[str, ...] = (LABEL,)
    if field.key == TIME:
        name = "eflex_last_frame_timestamp_seconds"
    elif isinstance(value, (Numbers, Probes)):
        label = "cell" if isinstance(value, Numbers) else "probe"
        name, labels = f"eflex_{field.key.removesuffix('s')}{unit}", (LABEL, label)
        help_text = f"{help_text}, each"
    elif isinstance(value, WorstAlarm):
        labels, help_text = (LABEL, "level"), f"{help_text}; 1 for the one that holds"
    elif isinstance(value, Choice):
        help_text = f"1 for {value.words[1]}, 0 for {value.words[0]}"
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for reading in readings:
        for more, number in _samples(field, reading[field.key]):
            family.add_metric([reading[LABEL], *more], number / divisor)
    return family


def _samples(field: Field | Derived, shown: Any) -> Iterator[tuple[list[str], float]]:
    """The numbers of a value, each with its further labels."""
    value = field.value
    if isinstance(value, Numbers):
        yield from (([str(number)], each) for number, each in enumerate(shown, 1))
    elif isinstance(value, Probes):
        yield from (([probe], each) for probe, each in shown.items() if each is not None)
    elif isinstance(value, WorstAlarm):
        yield from (([level], float(level == shown)) for level in ALARM_STATES)
    elif isinstance(value, Choice):
        yield [], value.words.index(shown)
    elif isinstance(value, BitOf):
        yield [], float(shown)
    else:
        yield [], shown


def _counters(health: dict[str, Any]) -> Iterator[Metric]:
    """Ours: what the bridge says of itself, once it has said it."""
    if "frames" not in health:
        return
    name = "eflexcan2mqtt"
    yield CounterMetricFamily(f"{name}_frames", "frames of batteries read", health["frames"])
    yield CounterMetricFamily(f"{name}_cycles", "battery cycles seen", health["cycles"])
    dropped = CounterMetricFamily(
        f"{name}_dropped_blocks", "halves of bursts that were not whole", labels=["reason"]
    )
    for reason, count in health["dropped"].items():
        dropped.add_metric([reason], count)
    yield dropped
    yield CounterMetricFamily(
        f"{name}_receive_overflows",
        "frames that came faster than they were read",
        health["overflows"],
    )
    yield CounterMetricFamily(
        f"{name}_broker_reconnects",
        "connections to the broker after the first",
        max(0, health["connections"] - 1),
    )
    yield GaugeMetricFamily(
        f"{name}_broker_connected",
        "1 while the broker is there",
        float(health["broker"] == "connected"),
    )
    yield GaugeMetricFamily(
        f"{name}_waiting_arrays", "arrays that the broker has not acknowledged", health["waiting"]
    )
