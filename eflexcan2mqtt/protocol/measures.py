"""Readings in; out what each limit judges: a value, and the words for it. No I/O, no clock.

A value is None where it means nothing: then a limit is neither crossed nor kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from statistics import median
from typing import Any, NamedTuple

from .facts import cell_spread
from .limits import FLAT_SOC, GENTLE_A, SHARED_A, SHARED_SOC
from .reading import Reading

Words = tuple[int | None, str]
"""A cell, if there is a culprit, and a sentence; that of a battery continues "Battery 3: "."""


class BatteryMeasure(NamedTuple):
    """A measure of one battery; ``mean`` is that of ``mean_current``."""

    kind: str
    value: Callable[[Reading, float | None], float | None]
    words: Callable[[Reading, float | None], Words]


class BankMeasure(NamedTuple):
    """A measure of two batteries or more."""

    kind: str
    value: Callable[[list[Reading]], float]
    words: Callable[[list[Reading]], Words]


def mean_current(recent: Iterable[Reading]) -> float | None:
    """The mean current of the batteries that share it, in A; None if it means nothing."""
    shared = [each["battery_current"] for each in recent if _shares(each)]
    mean = sum(shared) / len(shared) if len(shared) > 1 else 0.0
    return mean if abs(mean) > SHARED_A else None


def _open_relays(reading: Reading) -> list[str]:
    """Never pre-charge, which is open on a healthy battery."""
    relays = {
        "charge": reading["charge_relay_status"],
        "discharge": reading["discharge_relay_status"],
    }
    return [name for name, status in relays.items() if status == "Break"]


def _shares(reading: Reading) -> bool:
    return reading["battery_soc"] in SHARED_SOC and not _open_relays(reading)


def _alarm(level: int) -> BatteryMeasure:
    state, word = str(level), f"alarm_level_{level}"

    def words(reading: Mapping[str, Any], _: float | None) -> Words:
        return None, f"alarm level {level}, alarm word 0x{reading[word]:04X}"

    return BatteryMeasure(
        f"alarm_{level}", lambda reading, _: float(reading["alarm_status"] == state), words
    )


def _relay_words(reading: Reading, _: float | None) -> Words:
    names = _open_relays(reading)
    verb = "relays are" if len(names) > 1 else "relay is"
    return None, f"the {' and '.join(names)} {verb} open"


def _spread(reading: Reading, _: float | None) -> float | None:
    gentle = abs(reading["battery_current"]) <= GENTLE_A
    return cell_spread(reading) if gentle and reading["battery_soc"] in FLAT_SOC else None


def _spread_full(reading: Reading, _: float | None) -> float | None:
    return cell_spread(reading) if reading["battery_soc"] > FLAT_SOC[-1] else None


def _cell_words(reading: Reading, _: float | None) -> Words:
    cells = reading["cell_voltages"]
    middle = median(cells)
    culprit = max(cells, key=lambda each: abs(each - middle))
    number, side = cells.index(culprit) + 1, "below" if culprit < middle else "above"
    away = f"{abs(culprit - middle):.0f} mV {side}"
    spread = f"the spread is {cell_spread(reading)} mV"
    return number, f"cell {number} is {away} the median of its battery, {spread}"


def _share(reading: Reading, mean: float | None) -> float | None:
    if mean is None or not _shares(reading):
        return None
    return round(100 * reading["battery_current"] / mean, 1)


def _share_words(reading: Reading, mean: float | None) -> Words:
    share = _share(reading, mean)
    return None, f"its current of {reading['battery_current']} A is {share:.0f} % of the mean"


def _probes(reading: Reading) -> str:
    return f"{reading['min_temp']} to {reading['max_temp']} °C"


OF_BATTERY = (
    _alarm(1),
    _alarm(2),
    BatteryMeasure("relay_open", lambda reading, _: len(_open_relays(reading)), _relay_words),
    BatteryMeasure(
        "temperature_high",
        lambda reading, _: reading["max_temp"],
        lambda reading, _: (None, f"probe {reading['max_temp_num']} has {reading['max_temp']} °C"),
    ),
    BatteryMeasure(
        "temperature_low",
        lambda reading, _: reading["min_temp"],
        lambda reading, _: (None, f"probe {reading['min_temp_num']} has {reading['min_temp']} °C"),
    ),
    BatteryMeasure(
        "temperature_spread",
        lambda reading, _: reading["max_temp"] - reading["min_temp"],
        lambda reading, _: (None, f"its probes have {_probes(reading)}"),
    ),
    BatteryMeasure("cell_spread", _spread, _cell_words),
    BatteryMeasure("cell_spread_full", _spread_full, _cell_words),
    BatteryMeasure("share_low", _share, _share_words),
    BatteryMeasure("share_high", _share, _share_words),
)
"""The measures of a battery, for each cycle that it is in."""


def _apart(kind: str, key: str, digits: int, unit: str, ending: str) -> BankMeasure:
    """The widest difference of a value between two batteries."""

    def extremes(recent: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [extreme(recent, key=itemgetter(key)) for extreme in (min, max)]

    def value(recent: Sequence[Mapping[str, Any]]) -> float:
        low, high = extremes(recent)
        return float(round(high[key] - low[key], digits))

    def words(recent: Sequence[Mapping[str, Any]]) -> Words:
        low, high = extremes(recent)
        numbers = f"{low['battery_number']} and {high['battery_number']}"
        values = f"{low[key]} and {high[key]} {unit}"
        return None, f"Batteries {numbers} are apart: they have {values}{ending}"

    return BankMeasure(kind, value, words)


OF_BANK = (
    _apart("voltage_apart", "battery_voltage", 1, "V", "; do not connect them"),
    _apart("soc_apart", "battery_soc", 0, "%", " charge"),
)
"""The measures that compare batteries."""
