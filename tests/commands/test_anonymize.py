"""Serial numbers go, lines that are no frames go, and nothing else does."""

from __future__ import annotations

import codecs
import gzip
import json
import re
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.commands.anonymize import anonymize
from eflexcan2mqtt.protocol.values import Serial
from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.candump import Candump
from tests.support.bank import START, candump_line, frames_of, published, sent
from tests.support.program import LOG

SERIAL = "221100754603BB"
FRAME = f"(1.0) can0 101#08{SERIAL}\n"


def masked(folder, text):
    """What anonymize found, and what it wrote; None if nothing."""
    source, target = folder / "in.log", folder / "out.log"
    target.unlink(missing_ok=True)
    source.write_bytes(text if isinstance(text, bytes) else text.encode("latin-1"))
    found = anonymize(source, target)
    assert {each.name for each in folder.iterdir()} <= {"in.log", "out.log"}
    return found, target.read_text("latin-1") if target.exists() else None


def arrays(text):
    """The arrays of a recording, without the serial numbers."""
    lines = text.encode("latin-1").split(b"\n")
    found = published(frames_of(Candump(lines, "x.log")), "extended")
    for each in found:
        for reading in each:
            assert reading.pop("battery_id")
    return found


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


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_gzipped_recordings_are_read_and_written(tmp_path, mark):
    plain = masked(tmp_path, LOG.read_text())[1]
    zipped = tmp_path / "in.log.gz"
    zipped.write_bytes(gzip.compress(mark + LOG.read_bytes()))
    assert anonymize(zipped, tmp_path / "plain.log").good
    assert (tmp_path / "plain.log").read_text() == plain
    assert anonymize(zipped, tmp_path / "out.log.gz").good
    assert gzip.decompress((tmp_path / "out.log.gz").read_bytes()).decode() == plain


def test_every_other_line_stays_byte_for_byte(tmp_path):
    text = LOG.read_text()
    _, after = masked(tmp_path, text)
    lines = list(zip(text.splitlines(True), after.splitlines(True), strict=True))
    changed = [before for before, line in lines if before != line]
    assert changed
    assert all("#08" in line for line in changed)


def test_a_battery_keeps_its_number_throughout(tmp_path):
    other = "(1.0) can0 102#08221100754603BC\n"
    found, after = masked(tmp_path, FRAME + other + FRAME)
    first, second, third = after.splitlines()
    assert found == (True, f"{tmp_path}/out.log: 2 serial numbers replaced")
    assert first == third
    assert first[-14:] != second[-14:]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"(1.0) can0 10F#08{SERIAL} R\n", "(1.0) can0 10F#0822000000460001 R\n"),
        (
            f"(2024-05-17 23:05:39.048187) can0 101#08{SERIAL}\n",
            "(2024-05-17 23:05:39.048187) can0 101#0822000000460001\n",
        ),
        (f"(331.420) RX0 101 [8] 08 {SERIAL}", None),
        (
            "(331.420) RX0 101 [8] 08 22 11 00 75 46 03 BB\n",
            "(331.420) RX0 101 [8] 08 22 00 00 00 46 00 01\n",
        ),
        (
            "  can0  101   [8]  08 22 11 00 75 46 03 BB   '.\"..uF..'\r\n",
            "  can0  101   [8]  08 22 00 00 00 46 00 01   '........'\n",
        ),
        (
            " (2024-05-17 23:05:39.048187)  can0  RX - -  101   [8]  08 22 11 00 75 46 03 BB\n",
            " (2024-05-17 23:05:39.048187)  can0  RX - -  101   [8]  08 22 00 00 00 46 00 01\n",
        ),
        (
            "\x1b[34m (1.0)  can0  101\x1b[0m   [8]  \x1b[31m08 22 11 00 75 46 03 BB\x1b[0m\n",
            " (1.0)  can0  101   [8]  08 22 00 00 00 46 00 01\n",
        ),
        (
            "  can0  101   {C}  08 22 11 00 75 46 03 BB\n",  # candump -8
            "  can0  101   {C}  08 22 00 00 00 46 00 01\n",
        ),
        (
            "(0.000379)  101   [8]  08 22 11 00 75 46 03 BB\n",
            "(0.000379)  101   [8]  08 22 00 00 00 46 00 01\n",
        ),
        # Where else the digits stand.
        (f"(1.0) can0 601#08{SERIAL}\n", "(1.0) can0 601#0822000000460001\n"),
        (f"(1.0) can0 7FF#{SERIAL}08\n", "(1.0) can0 7FF#2200000046000108\n"),
        (f"(1.0) can0 7FF#1{SERIAL}2\n", "(1.0) can0 7FF#1220000004600012\n"),
        (f"(1.0) can0 00000101#08{SERIAL}\n", "(1.0) can0 00000101#0822000000460001\n"),
        (f"(1.0) can0 7FF##1{SERIAL * 2}\n", f"(1.0) can0 7FF##1{'22000000460001' * 2}\n"),
        (
            "  can0  7FF   [8]  22 11 00 75 46 03 BB 00   '\"..uF...'\n",
            "  can0  7FF   [8]  22 00 00 00 46 00 01 00   '........'\n",
        ),
        # Part of a serial number, or a damaged one.
        ("(1.0) can0 101#08221100\n", "(1.0) can0 101#08000000\n"),
        ("(1.0) can0 101#08221100764603BC\n", "(1.0) can0 101#0822000000460002\n"),
        ("(1.0) can0 101#08AA1100754603BB\n", "(1.0) can0 101#0800000000000000\n"),
        ("(1.0) can0 101#08\n", "(1.0) can0 101#08\n"),
        # What is no serial number.
        ("(1.0) can0 601#0822110075460300\n", "(1.0) can0 601#0822110075460300\n"),
        ("(1.0) can0 101#R8\n", "(1.0) can0 101#R8\n"),
        ("  can0  101   [8]  remote request\n", "  can0  101   [8]  remote request\n"),
        ("  can0  20000080   [8]  00 00 00 00 00 00 00 00   ERRORFRAME\n",) * 2,
    ],
)
def test_what_becomes_of_a_frame(tmp_path, line, expected):
    _, after = masked(tmp_path, FRAME + line)
    assert after == "(1.0) can0 101#0822000000460001\n" + (expected or "")


@pytest.mark.parametrize(
    "line",
    [
        f"1#08{SERIAL}\n",
        f"01#08{SERIAL}\n",
        f"#08{SERIAL}\n",
        "   [8]  08 22 11 00 75 46 03 BB\n",
        f"(1.0) can0 101#08{SERIAL}(1.1) can0 101#0901020304050607\n",
        f"(1.0) can0 101#08{SERIAL}09\n",
        f"(1.0) can0 101#08{SERIAL[:-1]}\n",
        f"(1.0) c\0n0 101#08{SERIAL}\n",
        "  can0  101   [8]  08 22 11 00 75\n",
        "my battery 2211117F0955\n",
        "\n",
        "x" * 3500 + f"(1.0) can0 101#08{SERIAL}\n",
    ],
)
def test_a_line_that_is_no_frame_is_left_out(tmp_path, line):
    found, after = masked(tmp_path, FRAME + line)
    assert after == "(1.0) can0 101#0822000000460001\n"
    assert "; left out " in found.text


def test_a_serial_number_that_only_a_damaged_line_shows_is_replaced_elsewhere(tmp_path):
    for line in (f"1#08{SERIAL}", f"(1.0) can0 1(1.0) can0 101#08{SERIAL}(1.1)"):
        _, after = masked(tmp_path, f"{line}\n(1.0) can0 7FF#{SERIAL}00\n")
        assert after == "(1.0) can0 7FF#2200000046000100\n"


def test_a_serial_number_that_only_candump_8_shows_is_replaced_elsewhere(tmp_path):
    line = "  can0  102   {C}  08 22 10 00 75 45 03 C8"
    _, after = masked(tmp_path, f"{FRAME}{line}\n(1.0) can0 202#221000754503C800\n")
    assert after.splitlines() == [
        "(1.0) can0 101#0822000000460001",
        "  can0  102   {C}  08 22 00 00 00 46 00 02",
        "(1.0) can0 202#2200000046000200",
    ]


@pytest.mark.parametrize("before", [*range(965, 1003), 1990])
def test_a_serial_number_in_a_very_long_line_is_replaced_elsewhere(tmp_path, before):
    line = "x" * before + f"(1.0) can0 101#08{SERIAL}(1.1)" + "x" * 2000
    _, after = masked(tmp_path, f"{line}\n(1.0) can0 7FF#{SERIAL}00\n")
    assert after == "(1.0) can0 7FF#2200000046000100\n"


def test_a_byte_order_mark_costs_no_line(tmp_path):
    _, after = masked(tmp_path, codecs.BOM_UTF8 + FRAME.encode())
    assert after == "(1.0) can0 101#0822000000460001\n"


def test_lines_may_end_with_cr_only(tmp_path):
    lines = list(map(candump_line, sent(1)))
    _, after = masked(tmp_path, "".join(lines).replace("\n", "\r"))
    assert after == masked(tmp_path, "".join(lines))[1]
    assert len(after.splitlines()) == len(lines)


def test_an_anonymized_log_can_be_anonymized(tmp_path):
    _, once = masked(tmp_path, LOG.read_text())
    _, twice = masked(tmp_path, once)
    assert "2200000046000" in twice
    for serial in ("22000000460001", "22000000460002", "22000000460003"):
        assert serial in once
        assert serial not in twice


def test_each_of_very_many_serial_numbers_gets_its_own(tmp_path):
    count = 70_000
    originals = [f"2105{each >> 16:02X}0058{each & 0xFFFF:04X}" for each in range(count)]
    found, after = masked(tmp_path, "".join(f"(1.0) can0 101#08{each}\n" for each in originals))
    numbers = re.findall("#08(.{14})", after)
    assert found.text.endswith(f"{count} serial numbers replaced")
    assert len(set(numbers)) == count
    assert not set(numbers) & set(originals)
    assert len({Serial.decode(bytes.fromhex(each)) for each in numbers}) == count


# Properties

SERIALS = st.builds(
    lambda year, month, number, line, letter, count: (
        f"{year:02d}{month:02d}{number:02X}{line:02d}{ord(letter):02X}{count:04X}"
    ),
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 255),
    st.integers(0, 99),
    st.sampled_from("AFTUZafz"),
    st.integers(0, 0xFFFF),
)
SHAPES = (
    "(1.000001) can0 {id}#{data}",
    "(1.000001) can0 {id}#{data} R",
    "  can0  {id}   [8]  {spaced}",
    " (000.000123)  can0  {id}   [8]  {spaced}   '...\"'ABCDEF'",
    " (1.000001)  can0  RX - -  {id}   [8]  {spaced}",
    "  can0  {id}   {{C}}  {spaced}",
    " (000.000123)  {id}   [8]  {spaced}",
    "\x1b[33m can0\x1b[0m  {id}   [8]  {spaced}\x1b[0m",
    "(331.420) RX0 {id} [8] {spaced}",
)


@st.composite
def recordings(draw):
    """Serial numbers, and lines with them: whole, cut, glued, damaged."""
    serials = draw(st.lists(SERIALS, min_size=1, max_size=5, unique=True))
    lines = [f"(1.0) can0 101#08{each}" for each in serials]
    for _ in range(draw(st.integers(0, 20))):
        serial = draw(st.sampled_from(serials))
        data = draw(st.sampled_from([f"08{serial}", f"{serial}00", f"0{serial}F"]))
        spaced = " ".join(data[at : at + 2] for at in range(0, 16, 2))
        can_id = draw(st.sampled_from(["101", "10F", "601", "7FF", "00000101", "110"]))
        line = draw(st.sampled_from(SHAPES)).format(id=can_id, data=data, spaced=spaced)
        match draw(st.sampled_from(["whole", "cut", "start", "glued", "damaged"])):
            case "cut":
                line = line[: draw(st.integers(0, len(line)))]
            case "start":
                line = line[draw(st.integers(0, len(line))) :]
            case "glued":
                line += draw(st.sampled_from(lines))
            case "damaged":
                at = draw(st.integers(0, len(line) - 1))
                line = line[:at] + draw(st.characters(codec="latin-1")) + line[at + 1 :]
        lines.append(line)
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    return serials, end.join(draw(st.permutations(lines))) + end


@given(recordings())
def test_no_serial_number_is_left(tmp_path_factory, recording):
    serials, text = recording
    folder = tmp_path_factory.getbasetemp() / "left"
    folder.mkdir(exist_ok=True)
    found, after = masked(folder, text)
    assert found.good
    digits = re.sub(r"[^0-9A-F\n]", "", after.upper())
    assert not [each for each in serials if each in digits]
    assert len(after.splitlines()) >= len(serials)


@given(st.integers(1, 15), st.data())
def test_the_arrays_are_the_same_but_for_the_serial_numbers(tmp_path_factory, batteries, data):
    folder = tmp_path_factory.getbasetemp() / "same"
    folder.mkdir(exist_ok=True)
    shape = data.draw(st.sampled_from(["-L", "screen", "ascii"]))
    frames = islice(simulator.frames(batteries, START, data.draw(st.integers())), batteries * 36)
    text = "".join(map({"-L": candump_line, "screen": screen, "ascii": ascii_}[shape], frames))
    _, after = masked(folder, text)
    assert len(arrays(after)) == 2
    assert arrays(after) == arrays(text)
    assert len(after) == len(text)


def screen(frame):
    can_id, data, stamp = frame
    return f" ({stamp:.6f})  can0  {can_id:03X}   [{len(data)}]  {data.hex(' ').upper()}\n"


def ascii_(frame):
    shown = "".join(chr(each) if 32 < each < 127 else "." for each in frame[1])
    return f"{screen(frame).rstrip()}   '{shown}'\n"
