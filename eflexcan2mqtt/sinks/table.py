"""Cycles in; a live table in a terminal out, or plain lines where there is none.

rich draws it, and is imported nowhere else.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table as Grid
from rich.text import Text

from ..protocol.bank import bank_facts, remember, totals
from ..protocol.blocks import STALE_S
from ..protocol.facts import MARK_MV, PROBLEMS, WARNINGS, Facts, facts
from ..protocol.findings import BankFinding
from ..protocol.limits import NOTICE, PROBLEM
from ..protocol.reading import Reading
from . import Context, Sink

WIDE = 110
"""A terminal of so many columns, or more, has room for all columns of the table."""

PLAIN_WIDTH = 120
NOTES = 3

LISTED = "eflexcan2mqtt.watch"
"""The logger whose lines are about the list above the batteries."""

FINDINGS = 4
"""So many are shown in words: the table must have room below."""

_BARS, _ASCII_BARS = "▁▂▃▄▅▆▇█", "_.,-=+*#"
_SEVERITY = {PROBLEM: "bold red", NOTICE: "yellow"}
_ALARM = {**dict.fromkeys(PROBLEMS, "bold red"), **dict.fromkeys(WARNINGS, "cyan")}
COLUMNS = ("#", "%", "V", "A", "cells", "low", "high", "mV", "°C", "alarm", "age")
WIDE_COLUMNS = (
    *("#", "id", "%", "V", "A", "W", "cells", "low", "high", "mV", "°C", "relays", "alarm", "age"),
)
_NUMBERS = ("#", "%", "V", "A", "W", "low", "high", "mV", "age")


def make(context: Context) -> Sink:
    """The sink that draws on stdout."""
    return Table(sys.stdout, interruptible=context.interruptible, attention=context.attention)


class Table(Sink):
    """Draws the bank, what needs attention, and a line for each battery.

    In a terminal, the last lines of the log are shown below the table, not in it; but none about
    what is on the list.
    ``console`` is rich's.
    """

    def __init__(
        self,
        file: TextIO,
        clock: Callable[[], float] = time.monotonic,
        interruptible: AbstractContextManager[None] | None = None,
        attention: Callable[[], Sequence[BankFinding]] = tuple,
    ) -> None:
        self._clock = clock
        self._interruptible = interruptible or nullcontext()
        self._attention = attention
        width = None if file.isatty() else PLAIN_WIDTH
        self.console = _Console(file=file, highlight=False, width=width)
        self._notes: deque[str] = deque(maxlen=NOTES)
        self._known: dict[str, tuple[float, Reading]] = {}  # when heard, and what
        self._cycle: list[Reading] = []
        self._live = Live(console=self.console, auto_refresh=False, screen=True, transient=True)
        self._quiet: list[logging.Handler] = []
        if self.console.is_terminal:
            self._quiet, logging.root.handlers = logging.root.handlers, [_Notes(self._notes)]
            self._live.start()

    def publish(self, cycle: list[Reading]) -> None:
        """Draw a cycle; raises OSError, BrokenPipeError when the reader is gone."""
        with self._interruptible:
            now = self._clock()
            self._cycle = cycle
            for reading in cycle:
                remember(self._known, reading["battery_id"], (now, reading))
            if self._live.is_started:
                self.tick()
            else:
                self.console.print(self._drawn())

    def tick(self) -> None:
        """Draw again in a terminal, since the ages have grown."""
        if self._live.is_started:
            self._live.update(self._drawn(), refresh=True)

    def close(self) -> int:
        """Restore the terminal and print the last table there."""
        if self._live.is_started:
            self._live.stop()
            logging.root.handlers = self._quiet
            if self._cycle:
                self.console.print(self._drawn())
        return 0

    def _drawn(self) -> Group:
        ordered = sorted(self._known.values(), key=lambda known: known[1]["battery_number"])
        wide = self.console.width >= WIDE
        columns = WIDE_COLUMNS if wide else COLUMNS
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
            found = facts(reading)
            shown = [self._cell(name, reading, found, age) for name in columns]
            grid.add_row(*shown, style="dim" if age >= STALE_S else "")
        notes = (Text(note, style="yellow") for note in self._notes)
        return Group(self._bank(), *self._findings(), grid, *notes)

    def _bank(self) -> Text:
        if not self._cycle:
            return Text("no complete burst from any battery yet")
        bank = totals(self._cycle)
        found = bank_facts(bank)
        parts = [
            f"{bank['battery_soc']:.1f} %",
            f"{abs(bank['power']) / 1000:.2f} kW {found['flow']}",
            f"{bank['battery_current']:.1f} A",
            f"{bank['battery_voltage']:.1f} V",
            f"{bank['batteries_present']} of {bank['batteries_in_system']} batteries",
            f"{bank['cell_spread']} mV in #{bank['cell_spread_battery']}",
        ]
        text = Text("eFlex bank  ", style="bold")
        text.append("  ".join(parts), style="not bold")
        alarm = bank["alarm_status"]
        if alarm != "Normal":
            text.append(f"  alarm level {alarm}", style=_ALARM[alarm])
        return text

    def _findings(self) -> Iterator[Text]:
        findings = self._attention()
        for each in findings[:FINDINGS]:
            yield Text(each.sentence, style=_SEVERITY[each.severity])
        if len(findings) > FINDINGS:
            yield Text(f"and {len(findings) - FINDINGS} more", style="yellow")

    def _cell(self, name: str, reading: Reading, found: Facts, age: float) -> Text:
        cells = reading["cell_voltages"]
        low, high = min(cells), max(cells)
        if name == "cells":
            return self._bars(cells, found)
        if name == "alarm":
            alarm = reading["alarm_status"]
            return Text("" if alarm == "Normal" else f"level {alarm}", style=_ALARM.get(alarm, ""))
        texts: dict[str, Callable[[], str]] = {
            "#": lambda: str(reading["battery_number"]),
            "id": lambda: reading["battery_id"],
            "%": lambda: str(reading["battery_soc"]),
            "V": lambda: f"{reading['battery_voltage']:.1f}",
            "A": lambda: f"{reading['battery_current']:.1f}",
            "W": lambda: f"{found['power']:.0f}",
            "low": lambda: f"{low} c{cells.index(low) + 1}",
            "high": lambda: f"{high} c{cells.index(high) + 1}",
            "mV": lambda: str(found["cell_spread"]),
            "°C": lambda: f"{reading['min_temp']}..{reading['max_temp']}",
            "relays": lambda: found["relays"],
            "age": lambda: f"{age:.0f}s" if age < 100 else f"{age / 60:.0f}m",
        }
        return Text(texts[name]())

    def _bars(self, cells: list[int], found: Facts) -> Text:
        """A bar for each cell: half high at the battery's median, full MARK_MV above it."""
        bars = _ASCII_BARS if self.console.options.ascii_only else _BARS
        text = Text()
        for number, mv in enumerate(cells, 1):
            place = round((mv - found["cell_median"]) / MARK_MV * 4 + 3.5)
            marked = number in found["marked_cells"]
            text.append(bars[max(0, min(7, place))], style="bold yellow" if marked else "")
        return text


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # rich would end the process with a failure here.
        raise BrokenPipeError


class _Notes(logging.Handler):
    """Keeps the last lines of the log."""

    def __init__(self, notes: deque[str]) -> None:
        super().__init__()
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != LISTED:
            self._notes.append(record.getMessage())
