"""Arrays out as a live table in a terminal; as plain lines where there is none.

rich draws it, and is imported nowhere else.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from statistics import median
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table as Grid
from rich.text import Text

from ..protocol.bank import power, remember, spread, totals
from ..protocol.decode import Reading
from . import Context, Sink

FAR_MV = 20
"""Beyond this distance from the battery's median a cell stands out."""

WIDE = 110
"""Columns of a terminal from which on there is room for more."""

PLAIN_WIDTH = 120
STALE_S = 3.0
NOTES = 3

_BARS, _ASCII_BARS = "▁▂▃▄▅▆▇█", "_.,-=+*#"
_ALARM = {"1": "bold red", "2": "bold yellow", "3": "cyan"}
_NUMBERS = ("#", "%", "V", "A", "W", "low", "high", "mV", "age")


def make(context: Context) -> Sink:
    """The sink that draws on stdout."""
    return Table(sys.stdout, interruptible=context.interruptible)


class Table(Sink):
    """Draws the bank and a line for each battery.

    What the program logs meanwhile stands below the table instead of in its midst.
    """

    def __init__(
        self,
        file: TextIO,
        clock: Callable[[], float] = time.monotonic,
        interruptible: AbstractContextManager[None] | None = None,
    ) -> None:
        self._clock = clock
        self._interruptible = interruptible or nullcontext()
        width = None if file.isatty() else PLAIN_WIDTH
        self._console = _Console(file=file, highlight=False, width=width)
        self._notes: deque[str] = deque(maxlen=NOTES)
        self._known: dict[str, tuple[float, Reading]] = {}  # when heard, and what
        self._cycle: list[Reading] = []
        self._live = Live(console=self._console, auto_refresh=False, screen=True, transient=True)
        self._quiet: list[logging.Handler] = []
        if self._console.is_terminal:
            self._quiet, logging.root.handlers = logging.root.handlers, [_Notes(self._notes)]
            self._live.start()

    def publish(self, cycle: list[Reading]) -> None:
        """Draw a cycle; raises OSError, BrokenPipeError when nobody reads any more."""
        with self._interruptible:
            now = self._clock()
            self._cycle = cycle
            for reading in cycle:
                remember(self._known, reading["battery_id"], (now, reading))
            if self._live.is_started:
                self.tick()
            else:
                self._console.print(self._drawn())

    def tick(self) -> None:
        """Let the ages grow, in a terminal."""
        if self._live.is_started:
            self._live.update(self._drawn(), refresh=True)

    def close(self) -> int:
        """Give the terminal back as it was, with the last table in it."""
        if self._live.is_started:
            self._live.stop()
            logging.root.handlers = self._quiet
            if self._cycle:
                self._console.print(self._drawn())
        return 0

    def _drawn(self) -> Group:
        ordered = sorted(self._known.values(), key=lambda known: int(known[1]["battery_number"]))
        wide = self._console.width >= WIDE
        first = [reading for _, reading in ordered[:1]]
        columns = _columns(first, wide)
        grid = Grid(
            box=None, padding=(0, 2 if wide else 1, 0, 0), pad_edge=False, header_style="underline"
        )
        for name in columns:
            grid.add_column(
                name, justify="right" if name in _NUMBERS else "left", no_wrap=True, min_width=1
            )
        now = self._clock()
        for heard, reading in ordered:
            age = now - heard
            shown = {name: self._cell(name, reading, age) for name in columns}
            grid.add_row(*shown.values(), style="dim" if age >= STALE_S else "")
        return Group(self._bank(), grid, *(Text(note, style="yellow") for note in self._notes))

    def _bank(self) -> Text:
        if not self._cycle:
            return Text("no battery has been heard yet")
        bank = totals(self._cycle)
        amps = bank["battery_current"]
        flow = "charging" if amps > 0 else "discharging" if amps < 0 else "at rest"
        parts = [
            f"{bank['battery_soc']:.1f} %",
            f"{abs(bank['power']) / 1000:.2f} kW {flow}",
            f"{amps:.1f} A",
            f"{bank['battery_voltage']:.1f} V",
            f"{bank['batteries_present']} of {bank['batteries_in_system']} batteries",
            f"{bank['cell_spread']} mV in #{bank['cell_spread_battery']}",
        ]
        text = Text("eFlex bank  ", style="bold")
        text.append("  ".join(parts), style="not bold")
        alarm = bank.get("alarm_status", "Normal")
        if alarm != "Normal":
            text.append(f"  alarm level {alarm}", style=_ALARM[alarm])
        return text

    def _cell(self, name: str, reading: Reading, age: float) -> Text:
        cells = reading["cell_voltages"]
        low, high = min(cells), max(cells)
        if name == "cells":
            return self._spark(cells)
        if name == "alarm":
            alarm = reading["alarm_status"]
            return Text("" if alarm == "Normal" else f"level {alarm}", style=_ALARM.get(alarm, ""))
        texts: dict[str, Callable[[], str]] = {
            "#": lambda: str(reading["battery_number"]),
            "id": lambda: reading["battery_id"],
            "%": lambda: str(reading["battery_soc"]),
            "V": lambda: f"{reading['battery_voltage']:.1f}",
            "A": lambda: f"{reading['battery_current']:.1f}",
            "W": lambda: f"{power(reading):.0f}",
            "low": lambda: f"{low} c{cells.index(low) + 1}",
            "high": lambda: f"{high} c{cells.index(high) + 1}",
            "mV": lambda: str(spread(reading)),
            "°C": lambda: f"{reading['min_temp']}..{reading['max_temp']}",
            "relays": lambda: _relays(reading),
            "age": lambda: f"{age:.0f}s" if age < 100 else f"{age / 60:.0f}m",
        }
        return Text(texts[name]())

    def _spark(self, cells: list[int]) -> Text:
        """A bar for each cell: half as high at the battery's median, full 20 mV above it."""
        bars = _ASCII_BARS if self._console.options.ascii_only else _BARS
        middle = median(cells)
        text = Text()
        for mv in cells:
            place = round((mv - middle) / FAR_MV * 4 + 3.5)
            far = abs(mv - middle) > FAR_MV
            text.append(bars[max(0, min(7, place))], style="bold yellow" if far else "")
        return text


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # rich would end the process here, and call that a failure.
        raise BrokenPipeError


class _Notes(logging.Handler):
    """Keeps the last lines of the log."""

    def __init__(self, notes: deque[str]) -> None:
        super().__init__()
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        self._notes.append(record.getMessage())


def _columns(readings: list[Reading], wide: bool) -> list[str]:
    names = ["#", *(["id"] if wide else []), "%", "V", "A", *(["W"] if wide else [])]
    names += ["cells", "low", "high", "mV"]
    if readings and "max_temp" in readings[0]:
        names += ["°C", *(["relays"] if wide else []), "alarm"]
    return [*names, "age"]


def _relays(reading: Reading) -> str:
    sides = ("charge", "discharge")
    opened = [side for side in sides if reading[f"{side}_relay_status"] != "Make"]
    return f"{', '.join(opened)} open" if opened else "closed"
