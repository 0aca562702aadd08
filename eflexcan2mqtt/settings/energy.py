"""The section [energy]."""

from __future__ import annotations

from dataclasses import dataclass

from . import parsers
from .setting import setting


@dataclass(frozen=True)
class EnergySettings:
    """The counters of energy into and out of batteries and bank, `<topic>/energy`."""

    dead_band: float = setting(
        0.6,
        "In A for each battery: up to this, a current counts as none, for sensors at rest show "
        "-0.3 or -0.5 A. 0 counts everything.",
        parsers.number("amperes", 10, "more is a load", zero=True),
        example="0.6",
    )
    invert: bool = setting(
        False,
        "yes: what counts as energy in counts as energy out, and the other way round. For a bank "
        "that shows a positive current while it discharges.",
        parsers.switch,
        example="no",
    )
    capacity_kwh: float = setting(
        0.0,
        "What the whole bank can hold, for the entity Capacity in Home Assistant, whose Energy "
        "dashboard asks for it, and for the time to full on the page. 0: 5.4 kWh for each battery.",
        parsers.number("kWh", 10_000, "ten megawatt-hours", zero=True),
        example="75.6",
    )
