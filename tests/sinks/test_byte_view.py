"""What nobody understands is shown beside what is known."""

from __future__ import annotations

import io
import re

from eflexcan2mqtt.protocol.blocks import BLOCKS
from eflexcan2mqtt.protocol.energy import Energy
from eflexcan2mqtt.protocol.fields import FIELDS, Field
from eflexcan2mqtt.sinks.byte_view import ByteView
from tests.support.bank import decoded, sent
from tests.support.program import LOG

FIRST = """\
battery 1  2299075F9999  1715987139
  STATUS 01  01 0E 02 13 FF FD 47
              n  N  V  V  A  A  S
  STATUS 02  03 00 00 02 12 00 00
              r  1  1  v  v ?? ??
"""


def cycle(at, **changes):
    return decoded(sent(1, 1_715_987_139.0 + at, **changes))[0]


def view(*cycles, each_cycle=True):
    """What is printed for cycles, and in the end."""
    text = io.StringIO()
    shown = ByteView(text, each_cycle)
    for each in cycles:
        shown.publish(each)
    shown.close()
    return text.getvalue()


def row(text, name):
    """The line of the summary for a byte."""
    return re.search(rf"(?m)^  {re.escape(name)} .*$", text)[0]


def test_a_ruler_has_a_letter_for_what_is_known_and_marks_for_what_is_not():
    text = view(cycle(0, charge_relay_status="Make", discharge_relay_status="Make"))
    assert text.startswith(FIRST)


def test_every_byte_of_both_blocks_is_shown():
    text = view(cycle(0)).partition("known fields")[0]
    assert (
        len(re.findall(r"(?m)^  (?:STATUS|CELLS ) [0-9A-F]{2}  (?:[0-9A-F]{2} ?){7}$", text)) == 18
    )
    assert len(re.findall(r"[?]{2}", text)) == text.count("??")


def test_what_changed_since_the_last_cycle_is_marked():
    text = view(cycle(0), cycle(1, battery_soc=70))
    second = text.split("battery 1 ")[2].splitlines()
    assert second[3].split() == ["^^"]
    assert second[3].index("^^") == second[1].index("46")


def test_an_unknown_byte_tells_its_values_how_often_it_changed_and_with_what():
    raw = bytearray(77)
    cycles = []
    for number in range(4):
        raw[12] = number // 2
        cycles.append(cycle(number, raw_status=raw.hex(), battery_soc=70 + number // 2))
    line = row(view(*cycles, each_cycle=False), "STATUS 02.6")
    assert line.split()[2:7] == ["12", "1", "of", "3", "00"]
    assert line.endswith("00 01  with battery_soc 1/1")


def test_the_legend_names_every_field_that_is_sent_by_its_letter():
    legend = view(cycle(0)).partition("known fields\n")[2].partition("\n\n")[0]
    named = {
        (row.split()[0], key)
        for row in legend.splitlines()
        for key in row.split("  ")[2].split(", ")
    }
    assert named == {(each.letter, each.key) for each in FIELDS if isinstance(each, Field)}


def test_a_log_ends_with_the_summary_of_all_unknown_bytes(run):
    done = run("--input", LOG, "--output", "bytes")
    assert done.returncode == 0
    rulers, _, summary = done.stdout.partition("unknown bytes")
    assert rulers.count("battery ") == 3
    claimed = sum(block.size for block in BLOCKS) - len(
        re.findall(r"(?m)^  (STATUS|CELLS) ", summary)
    )
    assert claimed == 126 - rulers.count("??") // 3


def test_a_bus_shows_each_cycle(start):
    process = start("--input", "simulator:1", "--speed", "20", "--output", "bytes")
    seen = 0
    while seen < 3:
        seen += process.stdout.readline().startswith("battery 1  ")
    process.terminate()
    rest = process.stdout.read()
    assert "unknown bytes, over 1 batteries" in rest


def test_the_unit_of_the_lifetime_counter_is_held_against_what_was_counted():
    energy = Energy(dead_band=0.6)
    for now, lifetime in ((0.0, 1000), (4.0, 1012)):
        values = {"battery_voltage": 54.0, "battery_current": -100.0}
        energy.cycle(cycle(now, **values, lifetime_discharge_energy=lifetime), now)
    text = io.StringIO()
    ByteView(text, each_cycle=False, energy=lambda: energy.session).close()
    assert text.getvalue().endswith(
        "\nlifetime_discharge_energy rose for each Wh out of a battery by\n"
        "      2.000  2299075F9999\n"
    )


def test_nothing_is_said_of_it_without_a_discharge():
    assert "for each Wh" not in view(cycle(0), cycle(1))
