"""The result of one part of the benchmark: a table, a description, and the limits to meet."""

from __future__ import annotations

import os
import platform
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

WIDTH = 100


@dataclass(frozen=True)
class Claim:
    """A figure and its limit: an upper one, or with ``least`` a lower one."""

    what: str
    value: float
    limit: float
    unit: str = "x"
    least: bool = False

    def relaxed(self, by: float) -> Claim:
        """The same with a looser limit, if it is an upper one of a ratio or of a size."""
        scatters = self.unit in ("x", "MB") and not self.least
        return replace(self, limit=self.limit * by) if scatters else self

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.least else self.value <= self.limit

    @property
    def margin(self) -> float:
        """How far from the limit it is: 1 or more is met, higher is better."""
        good, bad = (self.value, self.limit) if self.least else (self.limit, self.value)
        return good / bad if bad > 0 else float("inf")

    def __str__(self) -> str:
        sign = "≥" if self.least else "≤"
        verdict = "met" if self.met else "NOT MET"
        unit = f" {self.unit}"
        return f"{self.what}: {self.value:.3g}{unit} ({sign} {self.limit:g}{unit}): {verdict}"


@dataclass(frozen=True)
class Part:
    """One section of the results."""

    title: str
    words: str
    header: tuple[str, ...]
    rows: list[tuple[object, ...]]
    claims: list[Claim] = field(default_factory=list)

    def relaxed(self, by: float) -> Part:
        """The same with looser limits."""
        return replace(self, claims=[each.relaxed(by) for each in self.claims])

    def margin(self) -> float:
        """The margin of the worst claim."""
        return min((each.margin for each in self.claims), default=float("inf"))

    def markdown(self) -> str:
        """The section in Markdown, with the table aligned to be readable as plain text."""
        rows = [self.header, *(tuple(map(_shown, row)) for row in self.rows)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.header))]
        lines = [_line(row, widths) for row in rows]
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        lines.insert(1, _line(rule, widths))
        claims = [f"- {each}" for each in self.claims]
        words = textwrap.fill(self.words, WIDTH)
        return "\n".join([f"## {self.title}", "", words, "", *lines, "", *claims]).rstrip()


def machine() -> str:
    """Describe this machine in a sentence."""
    model = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    total = re.search(r"MemTotal:\s*(\d+)", _read("/proc/meminfo"))
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return (
        f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, "
        f"{int(total[1]) / 1e6 if total else 0:.0f} GB, {system}, Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def _read(path: str) -> str:
    return Path(path).read_text(errors="replace")


def _shown(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _line(cells: Iterable[str], widths: list[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return f"| {' | '.join(padded)} |"
