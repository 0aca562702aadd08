"""Serial numbers go, and nothing else does."""

from __future__ import annotations

import json

import pytest

from eflexcan2mqtt.commands.anonymize import anonymize
from tests.support.program import LOG


def masked(tmp_path, text):
    source, target = tmp_path / "in.log", tmp_path / "out.log"
    source.write_bytes(text)
    found = anonymize(source, target)
    return found, target.read_bytes()


def test_a_log_decodes_to_the_same_but_for_the_serial_numbers(run, tmp_path):
    target = tmp_path / "masked.log"
    done = run("--anonymize", LOG, target)
    assert (done.returncode, done.stdout) == (0, f"{target}: 3 serial numbers replaced\n")
    before, after = (
        json.loads(run("--input", log, "--output", "json", "--fields", "extended").stdout)
        for log in (LOG, target)
    )
    assert [each.pop("battery_id") for each in after] == [
        "2200000F0001",
        "2200000F0002",
        "2200000F0003",
    ]
    for each in before:
        del each["battery_id"]
    assert after == before


def test_every_other_line_stays_byte_for_byte(tmp_path):
    text = LOG.read_bytes()
    _, after = masked(tmp_path, text)
    lines = list(zip(text.splitlines(True), after.splitlines(True), strict=True))
    changed = [before for before, line in lines if before != line]
    assert changed
    assert all(b"#08" in line for line in changed)


def test_a_battery_keeps_its_number_throughout(tmp_path):
    line = b"(1.0) can0 101#08221100754603BB\n"
    other = b"(1.0) can0 102#08221100754603BC\n"
    found, after = masked(tmp_path, line + other + line)
    first, second, third = after.splitlines()
    assert found == (True, f"{tmp_path}/out.log: 2 serial numbers replaced")
    assert first == third
    assert first[-14:] != second[-14:]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"(1.0) can0 10F#08221100754603BB R\n", b"(1.0) can0 10F#08220000004600" + b"01 R\n"),
        (
            b"  can0  101   [8]  08 22 11 00 75 46 03 BB   '.\"..uF..'\r\n",
            b"  can0  101   [8]  08 22 00 00 00 46 00 01   '........'\r\n",
        ),
        (b"(1.0) can0 101#0822110\n", b"(1.0) can0 101#0800000\n"),
        (b"(1.0) can0 101#08", b"(1.0) can0 101#08"),
        (b"(1.0) can0 601#08221100754603BB\n", b"(1.0) can0 601#08221100754603BB\n"),
        (b"(1.0) can0 110#08221100754603BB\n", b"(1.0) can0 110#08221100754603BB\n"),
        (b"(1.0) can0 100#08221100754603BB\n", b"(1.0) can0 100#08221100754603BB\n"),
        (b"\x00\xff nonsense 101 08\n", b"\x00\xff nonsense 101 08\n"),
    ],
)
def test_what_becomes_of_a_line(tmp_path, line, expected):
    assert masked(tmp_path, line)[1] == expected


def test_nothing_is_written_over(run, tmp_path):
    (tmp_path / "there.log").write_text("mine\n")
    done = run("--anonymize", LOG, "there.log")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there.log: File exists" in done.stderr
    assert (tmp_path / "there.log").read_text() == "mine\n"
