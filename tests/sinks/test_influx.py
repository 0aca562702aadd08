"""InfluxDB's line protocol; make influx-test lets the real one read it."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.sinks.influx import to_influx
from tests.support.bank import EXAMPLE
from tests.support.program import LOG

FIRST = (
    "eflex,battery_id=2299075F9999 battery_number=1,batteries_in_system=14,battery_soc=71,"
    "battery_voltage=53.1,battery_current=-0.3,system_average_voltage=53.0,pre_volt=53.3,"
    'insulation_resistance=65535,software_version=4006,hardware_version="a",'
    "lifetime_discharge_energy=162810,"
    + ",".join(f"cell_voltages_{place}=3319" for place in range(16))
    + " 1715987139000000000\n"
)


def test_a_log_becomes_a_line_for_each_battery(run):
    done = run("--input", LOG, "--fields", "documented", "--output", "influx")
    assert done.returncode == 0
    assert done.stdout.splitlines(keepends=True)[0] == FIRST
    assert len(done.stdout.splitlines()) == len(EXAMPLE)


def test_what_is_null_is_left_out_and_a_boolean_is_one():
    reading = {"battery_id": "x", "temps": {"1": 20, "2": None}, "warm": True, "time": 1}
    assert to_influx([reading]) == "eflex,battery_id=x temps_1=20,warm=true 1000000000"


@pytest.mark.parametrize(
    ("text", "written"), [('a"b', r'"a\"b"'), ("a\\b", r'"a\\b"'), ("a, b=c", '"a, b=c"')]
)
def test_text_is_escaped(text, written):
    reading = {"battery_id": "x", "hardware_version": text, "time": 1}
    assert to_influx([reading]) == f"eflex,battery_id=x hardware_version={written} 1000000000"


@given(
    tag=st.text(st.sampled_from("aB1,= \u00fc"), min_size=1),
    text=st.text(st.sampled_from('aB1,= "\\\u00fc')),
    number=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**31), 2**32),
)
def test_whatever_is_written_can_be_read_back(tag, text, number):
    line = to_influx([{"battery_id": tag, "hardware_version": text, "pre_volt": number, "time": 5}])
    parts = re.fullmatch(
        r"eflex,battery_id=((?:\\.|[^\\, =])+) "
        r'hardware_version="((?:\\.|[^\\"])*)",pre_volt=(\S+) 5000000000',
        line,
    )
    assert parts, line
    assert re.sub(r"\\(.)", r"\1", parts[1]) == tag
    assert re.sub(r"\\(.)", r"\1", parts[2]) == text
    assert math.isclose(float(parts[3]), number, rel_tol=0, abs_tol=0)
