"""Cycles in; a live table in a terminal out, or plain lines where there is none.

rich draws it, and is imported nowhere else.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ...protocol.bank import remember
from ...protocol.findings import BankFinding
from ...protocol.reading import Reading
from .. import Context, Sink
from .columns import HEADER_LINES, Battery, grid
from .room import Lines, most_urgent, whole, worst
from .sentences import headline, sentence

PLAIN_WIDTH = 120
NOTES = 3

LISTED = "eflexcan2mqtt.watch"
"""The logger whose lines are about what needs attention, which the table shows anyway."""


def make(context: Context) -> Sink:
    """The sink that draws on stdout."""
    return Table(sys.stdout, interruptible=context.interruptible, attention=context.attention)


class Table(Sink):
    """Draws the bank, a line for each battery, and what needs attention.

    Without a terminal, and at the end, it is as long as it needs to be.  In a terminal it fits
    the screen: what is left out is counted.  There the last lines of the log stand below it, but
    none about what needs attention.  ``console`` is rich's.
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
        width, height = self.console.size
        findings = self._attention()
        batteries = self._batteries(findings)
        now = max((each.reading["time"] + each.age for each in batteries), default=0.0)
        sentences = [self._lines(sentence(each, now)) for each in findings]
        room = height - 1 - HEADER_LINES if self._live.is_started else sys.maxsize
        # The sentences may have half of it, or more that the batteries do not need.
        below = worst(sentences, max(room // 2, room - len(batteries)))
        shown = most_urgent(batteries, findings, room - len(below))
        if len(shown) < len(batteries):
            below.insert(0, Text(f"{len(batteries) - len(shown)} more batteries"))
        newest_first = [self._lines(Text(note, style="yellow")) for note in reversed(self._notes)]
        notes = whole(newest_first, room - len(shown) - len(below))
        return Group(
            headline(self._cycle, findings, width),
            *grid(batteries, shown, width, ascii_only=self.console.options.ascii_only),
            *below,
            *chain.from_iterable(reversed(notes)),
        )

    def _batteries(self, findings: Sequence[BankFinding]) -> list[Battery]:
        """By number, each with the worst finding about it."""
        about = {(each.battery_number, each.battery_id): each for each in reversed(findings)}
        now = self._clock()
        batteries = [
            Battery(reading, now - heard, about.get((reading["battery_number"], battery_id)))
            for battery_id, (heard, reading) in self._known.items()
        ]
        return sorted(batteries, key=lambda each: each.reading["battery_number"])

    def _lines(self, text: Text) -> Lines:
        """A text in lines that fit the width; it breaks between words."""
        return list(text.wrap(self.console, self.console.width))


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
