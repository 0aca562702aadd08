"""The latest readings and the bridge's counters in, Prometheus' text format out.

The name of a metric follows from the field table: the key, and Prometheus' base unit for the
unit.  prometheus-client is imported nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ...protocol.bank import BANK
from ...protocol.energy import ENERGY, JOULES_PER_KWH, Counters
from ...protocol.fields import ALARM_STATES, FIELDS, HYPOTHESIS, TIME, Derived, Field
from ...protocol.values import (
    BitOf,
    Bits,
    Celsius,
    Choice,
    Hex,
    Letter,
    Numbers,
    Probes,
    Serial,
    Tenths,
    View,
    Whole,
    WorstAlarm,
    assert_never,
)
from .board import BUS_STATES, Board

KIND = "text/plain; version=0.0.4; charset=utf-8"
LABEL = "battery_id"

# The base unit, and how many of a field's units make one of it.
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
    """The answer to a scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Latest(board))
    return generate_latest(registry).decode()


class _Latest(Collector):
    """The state at the moment of a scrape."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        readings: list[Mapping[str, Any]] = list(self._board.recent())
        info = GaugeMetricFamily(
            "eflex_battery_info", "number and versions of a battery", labels=(LABEL, *_IN_INFO)
        )
        for reading in readings:
            info.add_metric([reading[LABEL], *(str(reading[key]) for key in _IN_INFO)], 1)
        yield info
        for field in FIELDS:
            if field.key not in _IN_INFO and not isinstance(field.value, (Serial, Letter, Hex)):
                yield _family(field, readings)
        health = self._board.health()
        yield from _counters(health)
        if ENERGY in health:
            yield from _energy(health[ENERGY])


def _family(field: Field | Derived, readings: list[Mapping[str, Any]]) -> Metric:
    """One field of all batteries."""
    unit, divisor = _UNITS[field.unit]
    name, help_text = f"eflex_{field.key}{unit}", field.meaning
    labels: tuple[str, ...] = (LABEL,)
    match field.value:
        case Whole() if field.key == TIME:
            name = "eflex_last_frame_timestamp_seconds"
        case Numbers():
            name, labels = f"eflex_{field.key.removesuffix('s')}{unit}", (LABEL, "cell")
            help_text = f"{help_text}, each"
        case Probes():
            name, labels = f"eflex_{field.key.removesuffix('s')}{unit}", (LABEL, "probe")
            help_text = f"{help_text}, each"
        case WorstAlarm():
            labels, help_text = (LABEL, "level"), f"{help_text}; 1 for the present one"
        case Choice() as choice:
            help_text = f"1 for {choice.words[1]}, 0 for {choice.words[0]}"
    if field.evidence == HYPOTHESIS:
        help_text = f"{help_text}; a hypothesis"
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for reading in readings:
        for more, number in _samples(field.value, reading[field.key]):
            family.add_metric([reading[LABEL], *more], number / divisor)
    return family


def _samples(kind: View, shown: Any) -> list[tuple[list[str], float]]:
    """The numbers of a value, each with its further labels; none for a text."""
    found: list[tuple[list[str], float]]
    match kind:
        case Numbers():
            found = [([str(number)], each) for number, each in enumerate(shown, 1)]
        case Probes():
            found = [([probe], each) for probe, each in shown.items() if each is not None]
        case WorstAlarm():
            found = [([level], float(level == shown)) for level in ALARM_STATES]
        case Choice() as choice:
            found = [([], choice.words.index(shown))]
        case Whole(unknown=unknown) if shown == unknown:
            found = []
        case Whole() | Tenths() | Celsius() | BitOf():
            found = [([], float(shown))]
        case Serial() | Letter() | Hex() | Bits():
            found = []
        case _:
            assert_never(kind)
    return found


_ENERGY = {
    "energy_in": "energy into {}",
    "energy_out": "energy out of {}",
    "energy_ignored": "energy that the dead-band left out of the counters of {}",
}


def _energy(shown: dict[str, Any]) -> Iterator[Metric]:
    """The counters that the broker has, which go on after a restart.

    The bank's have names of their own: a sum over the batteries must not count them, too.
    """
    for key in Counters._fields:
        whole = f"eflex_bank_{key}_joules", _ENERGY[key].format("the bank")
        yield CounterMetricFamily(*whole, shown[BANK][key] * JOULES_PER_KWH)
        family = CounterMetricFamily(
            f"eflex_{key}_joules", _ENERGY[key].format("a battery"), labels=(LABEL,)
        )
        for battery, counters in shown["batteries"].items():
            family.add_metric([battery], counters[key] * JOULES_PER_KWH)
        yield family
    yield CounterMetricFamily(
        "eflex_energy_gaps", "times without readings, which no energy was counted in", shown["gaps"]
    )


def _counters(health: dict[str, Any]) -> Iterator[Metric]:
    """The bridge's own counters, once they are known."""
    name = "eflexcan2mqtt"
    bus = GaugeMetricFamily(f"{name}_bus", "1 for the present state of the bus", labels=["state"])
    for state in BUS_STATES:
        bus.add_metric([state], float(state == health["bus"]))
    yield bus
    attention = GaugeMetricFamily(
        "eflex_attention",
        "1 for each finding that needs attention; without a battery it is about bank or bus",
        labels=("kind", "severity", "battery_number", LABEL),
    )
    for each in health.get("attention", ()):
        battery = [str(each[key] or "") for key in ("battery_number", LABEL)]
        attention.add_metric([each["kind"], each["severity"], *battery], 1)
    yield attention
    if "incomplete" in health:
        yield GaugeMetricFamily(
            f"{name}_incomplete_bursts_ratio",
            "share of the bursts of the last minute that were not complete",
            health["incomplete"],
        )
    if "frames" in health:
        yield CounterMetricFamily(f"{name}_frames", "frames of batteries read", health["frames"])
        yield CounterMetricFamily(f"{name}_cycles", "battery cycles seen", health["cycles"])
        dropped = CounterMetricFamily(
            f"{name}_dropped_blocks", "blocks that were not complete", labels=["reason"]
        )
        for reason, count in health["dropped"].items():
            dropped.add_metric([reason], count)
        yield dropped
    if "overflows" in health:
        yield CounterMetricFamily(
            f"{name}_receive_overflows",
            "frames lost because they came faster than they were read",
            health["overflows"],
        )
    if "damaged" in health:
        yield CounterMetricFamily(
            f"{name}_damaged_messages",
            "messages of the CAN adapter that could not be parsed",
            health["damaged"],
        )
    if "broker" in health:
        yield CounterMetricFamily(
            f"{name}_dropped_arrays",
            "arrays lost because there was no room for them",
            health["dropped_arrays"],
        )
        yield CounterMetricFamily(
            f"{name}_broker_reconnects",
            "connections to the broker after the first",
            max(0, health["connections"] - 1),
        )
        yield GaugeMetricFamily(
            f"{name}_broker_connected",
            "1 while connected to the broker",
            float(health["broker"] == "connected"),
        )
        yield GaugeMetricFamily(
            f"{name}_waiting_arrays",
            "arrays that the broker has not acknowledged",
            health["waiting"],
        )
