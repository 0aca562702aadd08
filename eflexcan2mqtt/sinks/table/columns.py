"""Batteries in, lines that fit a width out: columns are left out, numbers are never shortened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from rich.align import AlignMethod
from rich.text import Text

from ...protocol.blocks import STALE_S
from ...protocol.facts import MARK_MV, PROBLEMS, WARNINGS, Facts, facts
from ...protocol.findings import BankFinding
from ...protocol.reading import Reading
from .sentences import SEVERITY_STYLE

HEADER_LINES = 2

_BARS = "▁▂▃▄▅▆▇█"
_TO_ASCII = str.maketrans(_BARS, "_.,-=+*#", "°")
_ALARM_STYLE = {**dict.fromkeys(PROBLEMS, "bold red"), **dict.fromkeys(WARNINGS, "cyan")}


@dataclass(frozen=True)
class Battery:
    """A line of the table; ``age`` is in seconds, ``finding`` the worst about this battery."""

    reading: Reading
    age: float
    finding: BankFinding | None

    @cached_property
    def facts(self) -> Facts:
        return facts(self.reading)


@dataclass(frozen=True)
class Column:
    """A label with its unit, and what it shows of a battery.

    ``least`` is the width of usual values: a column must not come and go with a digit.
    """

    label: str
    unit: str
    least: int
    justify: AlignMethod
    text: Callable[[Battery], str | Text]


def grid(
    batteries: Sequence[Battery], shown: Sequence[Battery], width: int, ascii_only: bool
) -> list[Text]:
    """The lines of those ``shown``; all ``batteries`` decide the columns, so that they stay.

    Not by rich's own table: before its version 14 that counts a gap behind the last column.
    """
    widths = {each: _width(each, batteries) for each in COLUMNS}
    choices = accumulate(_LEFT_OUT, _without, initial=COLUMNS)
    columns = next(each for each in choices if _fits(each, widths, width, 1))
    gap = Text("  " if _fits(columns, widths, width, 2) else " ")

    def line(texts: Iterable[Text], style: str) -> Text:
        cells = []
        for column, text in zip(columns, texts, strict=True):
            if ascii_only:
                text.plain = text.plain.translate(_TO_ASCII)
            text.align(column.justify, widths[column])
            cells.append(text)
        whole = gap.join(cells)
        whole.stylize_before(style)
        return whole

    return [
        line((Text(each.label) for each in columns), "bold"),
        line((Text(each.unit) for each in columns), "bold"),
        *(
            line(
                (_text(each, battery) for each in columns),
                "dim" if battery.age >= STALE_S else "",
            )
            for battery in shown
        ),
    ]


def _without(columns: tuple[Column, ...], labels: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(each for each in columns if each.label not in labels)


def _fits(columns: Sequence[Column], widths: dict[Column, int], width: int, gap: int) -> bool:
    return sum(widths[each] + gap for each in columns) - gap <= width


def _width(column: Column, batteries: Sequence[Battery]) -> int:
    texts = (_text(column, each).cell_len for each in batteries)
    return max(column.least, len(column.label), len(column.unit), *texts)


def _text(column: Column, battery: Battery) -> Text:
    text = column.text(battery)
    return text if isinstance(text, Text) else Text(text)


def _number(battery: Battery) -> Text:
    number, finding = str(battery.reading["battery_number"]), battery.finding
    if finding is None:
        return Text(number)
    return Text.assemble(("!", SEVERITY_STYLE[finding.severity]), number)


def _bars(battery: Battery) -> Text:
    """A bar for each cell: half high at the battery's median, full MARK_MV above it."""
    median, marked = battery.facts["cell_median"], battery.facts["marked_cells"]
    text = Text()
    for number, mv in enumerate(battery.reading["cell_voltages"], 1):
        place = round((mv - median) / MARK_MV * 4 + 3.5)
        text.append(_BARS[max(0, min(7, place))], style="bold yellow" if number in marked else "")
    return text


def _extreme(battery: Battery, extreme: Callable[[list[int]], int]) -> str:
    cells = battery.reading["cell_voltages"]
    mv = extreme(cells)
    return f"{mv} c{cells.index(mv) + 1}"


def _temperatures(battery: Battery) -> str:
    return f"{battery.reading['min_temp']}..{battery.reading['max_temp']}"


def _relays(battery: Battery) -> Text:
    words = battery.facts["relays"].removeprefix("charge, discharge ")  # "open": both are
    return Text(words, style="" if words == "closed" else "bold red")


def _alarm(battery: Battery) -> Text:
    alarm = battery.reading["alarm_status"]
    return Text("" if alarm == "Normal" else alarm, style=_ALARM_STYLE.get(alarm, ""))


def _age(battery: Battery) -> str:
    seconds = round(battery.age)
    for unit, size in (("s", 1), ("m", 60)):
        if seconds < 100 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds // 3600}h"


# fmt: off
COLUMNS: tuple[Column, ...] = (
    Column("#",       "",      3, "right", _number),
    Column("id",      "",      0, "left",  lambda each: each.reading["battery_id"]),
    Column("SOC",     "%",     3, "right", lambda each: str(each.reading["battery_soc"])),
    Column("volts",   "",      4, "right", lambda each: f"{each.reading['battery_voltage']:.1f}"),
    Column("amps",    "",      5, "right", lambda each: f"{each.reading['battery_current']:.1f}"),
    Column("watts",   "",      5, "right", lambda each: str(round(each.facts['power']))),
    Column("cells",   "",      0, "left",  _bars),
    Column("lowest",  "mV",    8, "right", lambda each: _extreme(each, min)),
    Column("highest", "mV",    8, "right", lambda each: _extreme(each, max)),
    Column("spread",  "mV",    0, "right", lambda each: str(each.facts["cell_spread"])),
    Column("temp",    "°C",    6, "right", _temperatures),
    Column("relays",  "",      6, "left",  _relays),
    Column("alarm",   "level", 0, "left",  _alarm),
    Column("age",     "",      3, "right", _age),
)
# fmt: on
_LEFT_OUT = (
    *(("id",), ("watts",), ("lowest", "highest"), ("temp",), ("cells",), ("age",), ("volts",)),
    *(("amps",), ("spread",), ("relays",), ("alarm",), ("SOC",), ("#",)),
)
"""What a narrow terminal does not show, in this order."""
