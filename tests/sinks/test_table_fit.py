"""The table in any width and height: numbers are whole, and what is left out is counted."""

from __future__ import annotations

import io
import logging
import re
import time
from contextlib import closing
from functools import cache

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.findings import BankFinding
from eflexcan2mqtt.sinks.table import Table
from tests.support.bank import FULL
from tests.support.watched import FAULTY, watched

BATTERIES = 14
SECONDS = 130
BANKS = {"healthy": "", "faulty": FAULTY}
EVERYTHING = (
    *("#", "id", "SOC", "volts", "amps", "watts", "cells", "lowest", "highest"),
    *("spread", "temp", "relays", "alarm", "age"),
)
LABELS = {
    60: ["#", "SOC", "volts", "amps", "cells", "spread", "relays", "alarm", "age"],
    80: ["#", "SOC", "volts", "amps", "cells", "spread", "temp", "relays", "alarm", "age"],
    110: list(EVERYTHING),
    120: list(EVERYTHING),
    160: list(EVERYTHING),
}
RELAYS = {
    ("Make", "Make"): "closed",
    ("Make", "Break"): "discharge open",
    ("Break", "Make"): "charge open",
    ("Break", "Break"): "open",
}
SIZES = [(columns, lines) for columns in LABELS for lines in (12, 24)]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@cache
def bank(kind):
    """The last cycle that all batteries are in, and the last one."""
    cycles = list(watched(BATTERIES, SECONDS, BANKS[kind]))
    whole = [each for each in cycles if len(each.cycle) == BATTERIES]
    return whole[-1], cycles[-1]


@cache
def screen(columns, lines, kind):
    """The lines of a terminal of that size, after two minutes of that bank."""
    findings, now, terminal = (), 0.0, Terminal()
    with closing(Table(terminal, lambda: now, attention=lambda: findings)) as table:
        for cycle, findings, now in bank(kind):  # noqa: B007 (the table asks for them)
            table.publish(cycle)
        return read(terminal, columns, lines)


def read(terminal, columns, lines):
    """What stands on its screen."""
    shown = pyte.Screen(columns, lines)
    pyte.Stream(shown).feed(terminal.getvalue().replace("\n", "\r\n"))
    return [line.rstrip() for line in shown.display]


@pytest.fixture
def resize(monkeypatch):
    """Sets the size of the terminals that are opened next."""

    def set_size(columns, lines):
        for name, value in {"COLUMNS": columns, "LINES": lines, "TERM": "xterm"}.items():
            monkeypatch.setenv(name, str(value))

    return set_size


@pytest.fixture(params=SIZES, ids=lambda size: "x".join(map(str, size)))
def size(request, resize):
    resize(*request.param)
    return request.param


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def values(reading, mark="", age="0s"):
    """What stands in each column."""
    cells, relays = reading["cell_voltages"], ("charge_relay_status", "discharge_relay_status")
    low, high, alarm = min(cells), max(cells), reading["alarm_status"]
    return {
        "#": f"{mark}{reading['battery_number']}",
        "id": reading["battery_id"],
        "SOC": str(reading["battery_soc"]),
        "volts": f"{reading['battery_voltage']:.1f}",
        "amps": f"{reading['battery_current']:.1f}",
        "watts": str(round(round(reading["battery_voltage"] * reading["battery_current"], 1))),
        "cells": "BARS",
        "lowest": f"{low} c{cells.index(low) + 1}",
        "highest": f"{high} c{cells.index(high) + 1}",
        "spread": str(high - low),
        "temp": f"{reading['min_temp']}..{reading['max_temp']}",
        "relays": RELAYS[tuple(reading[name] for name in relays)],
        "alarm": "" if alarm == "Normal" else alarm,
        "age": age,
    }


def shown_in(line):
    return re.sub("[▁▂▃▄▅▆▇█]{16}", "BARS", line).split()


def expected(labels, reading, **more):
    return " ".join(values(reading, **more)[label] for label in labels).split()


def rows(lines):
    return {
        int(match[1]): line for line in lines if (match := re.match(r" *!?(\d+) .*\d\.\d ", line))
    }


def flowing(lines):
    """What stands below the batteries, as one line."""
    below = max(map(lines.index, rows(lines).values())) + 1
    return " ".join(" ".join(lines[below:]).split())


@pytest.mark.parametrize("kind", BANKS)
def test_relays_alarms_and_whole_numbers_are_there_at_any_size(size, kind):
    lines = screen(*size, kind)
    labels = LABELS[size[0]]
    assert lines[1].split() == labels
    latest = {each["battery_number"]: each for cycle in bank(kind) for each in cycle.cycle}
    marked = {each.battery_number for each in bank(kind)[-1].findings}
    for number, line in rows(lines).items():
        missing = number == 5 and kind == "faulty"
        more = {"mark": "!" if number in marked else "", "age": "70s" if missing else "0s"}
        assert shown_in(line) == expected(labels, latest[number], **more)


@pytest.mark.parametrize("kind", BANKS)
def test_batteries_that_do_not_fit_are_counted_and_those_in_trouble_are_shown(size, kind):
    lines = screen(*size, kind)
    numbers = set(rows(lines))
    hidden = re.findall(r"(?m)^(\d+) more batteries$", "\n".join(lines))
    assert sum(map(int, hidden)) == BATTERIES - len(numbers)
    assert numbers >= {each.battery_number for each in bank(kind)[-1].findings}
    assert size[1] == 12 or kind == "faulty" or not hidden


def test_faults_stand_below_in_words_with_since_when_or_are_counted(size):
    text = flowing(screen(*size, "faulty"))
    findings = bank("faulty")[-1].findings
    since = [f"since 23:0{minute}" for minute in (5, 6, 5, 5, 5)]
    said = [
        f"{each.severity} {when} {each.sentence}"
        for each, when in zip(findings, since, strict=True)
    ]
    more = re.search(r" and (\d+) more$", text)
    count = len(said) - (int(more[1]) if more else 0)
    assert count > 0
    assert all(each in text for each in said[:count])
    assert count == len(said) or size[1] == 12


HEADLINE = (
    *("SOC 59.9 %", "5.55 kW charging", "13 of 14 batteries"),
    *("5 need attention", "104.9 A", "52.9 V", "spread 471 mV in #12"),
)


@pytest.mark.parametrize(("columns", "parts"), [(60, 3), (80, 5), (110, 7)])
def test_the_bank_is_one_line_that_drops_words_from_its_end(columns, parts, resize):
    resize(columns, 24)
    assert screen(columns, 24, "faulty")[0].split("  ") == list(HEADLINE[:parts])


def printed(width, cycle, findings=()):
    """The lines in a file, which has room for all of them."""
    text = io.StringIO()
    table = Table(text, lambda: 0.0, attention=lambda: findings)
    table.console.width = width
    table.publish(cycle)
    return text.getvalue().splitlines()


def test_columns_are_left_out_in_this_order():
    gone = {}
    for width in range(160, 0, -1):
        shown = printed(width, FULL)[1].split()
        gone.update({each: width for each in EVERYTHING if each not in {*shown, *gone}})
    order = ["id", "watts", "lowest", "highest", "temp", "cells", "age", "volts", "amps", "spread"]
    assert list(gone) == [*order, "relays", "alarm", "SOC", "#"]
    assert sorted(gone.values(), reverse=True) == list(gone.values())
    assert gone["lowest"] == gone["highest"]


SENT = st.fixed_dictionaries(
    {
        "battery_number": st.integers(1, 15),
        "battery_soc": st.integers(0, 255),
        "battery_voltage": st.integers(0, 0xFFFF).map(lambda raw: raw / 10),
        "battery_current": st.integers(-0x8000, 0x7FFF).map(lambda raw: raw / 10),
        "cell_voltages": st.lists(st.integers(0, 0xFFFF), min_size=16, max_size=16),
        "alarm_status": st.sampled_from(["1", "2", "3", "Normal"]),
        "charge_relay_status": st.sampled_from(["Make", "Break"]),
        "discharge_relay_status": st.sampled_from(["Make", "Break"]),
        "min_temp": st.integers(-40, 215),
        "max_temp": st.integers(-40, 215),
    }
)


@settings(deadline=None)
@given(st.integers(3, 200), st.lists(SENT, min_size=1, max_size=3))
def test_whatever_batteries_send_no_width_shortens_a_number(width, changes):
    cycle = [
        {**FULL[0], **each, "battery_id": f"2211054F{place:05d}"}
        for place, each in enumerate(changes)
    ]
    cycle.sort(key=lambda each: each["battery_number"])
    bank, labels, _units, *batteries = printed(width, cycle)
    assert [shown_in(line) for line in batteries] == [
        expected(labels.split(), each) for each in cycle
    ]
    whole = printed(500, cycle)[0].split("  ")
    assert bank.split("  ") == whole[: len(bank.split("  "))] if bank else width < len(whole[0])
    assert max(map(len, (bank, labels, *batteries))) <= width


def finding(number, since=None):
    return BankFinding(
        "alarm_2", "problem", number, None, None, None, "", since, f"Battery {number}: x"
    )


def test_a_finding_of_another_day_has_its_date():
    now = FULL[0]["time"]
    lines = printed(80, FULL, [finding(1, now - 60), finding(2, now - 86_400), finding(3)])
    assert [line.split("  ")[0].split(maxsplit=2)[1:] for line in lines[-3:]] == [
        *(["since", "23:04"], ["since", "16 May 23:05"], [])
    ]


def test_without_unicode_bars_and_units_are_ascii():
    written = io.BytesIO()
    text = io.TextIOWrapper(written, encoding="ascii")
    Table(text).publish(FULL)
    text.flush()
    _, _, units, *batteries = written.getvalue().decode().splitlines()
    assert units.split() == ["%", "mV", "mV", "mV", "C", "level"]
    assert all(re.search(r" [_.,=+*#-]{16} ", line) for line in batteries)


def test_of_the_log_the_newest_lines_that_there_is_room_for_stand_below(resize):
    resize(40, 6)
    terminal = Terminal()
    with closing(Table(terminal)) as table:
        for note in ("first", "second, which is longer than a line of 40", "third"):
            logging.getLogger("eflexcan2mqtt.bridge").warning(note)
        logging.getLogger("eflexcan2mqtt.watch").warning("needs attention: what is on the list")
        table.tick()
        shown = read(terminal, 40, 6)
    assert shown[0] == "no complete burst from any battery yet"
    assert shown[3:] == ["second, which is longer than a line of", "40", "third"]


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(0.4, "0s"), (99.4, "99s"), (99.6, "1m"), (5999, "99m"), (6000, "1h"), (86_400, "24h")],
)
def test_an_age_has_two_digits_for_four_days(seconds, age):
    now, text = 0.0, io.StringIO()
    table = Table(text, lambda: now)
    table.publish(FULL)
    now = seconds
    table.publish(FULL[1:])
    assert re.search(rf"(?m)^ *1 .* {age} *$", text.getvalue().rpartition("kW")[2])


def test_in_a_file_nothing_stands_but_what_was_published():
    text = io.StringIO()
    table = Table(text)
    table.publish(FULL)
    published = text.getvalue()
    table.tick()
    table.close()
    assert text.getvalue() == published
