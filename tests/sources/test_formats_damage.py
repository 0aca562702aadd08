"""A damaged recording costs what is damaged, and that is said."""

from __future__ import annotations

import gzip
import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.sources import formats, simulator
from tests.support.bank import START, frames_of
from tests.support.faults import seen
from tests.support.formats import (
    BANK,
    WRITERS,
    gvret,
    gvret_header,
    payloads,
)

TEXTS = ("asc", "csv", "trc", "gvret")
HEADERS = {"asc": 5, "csv": 1, "trc": 18, "gvret": 1}
"""Lines before the first frame."""


def cut(line):
    return line[: len(line) // 2] + b"\n"


def half_a_byte(line):
    return line.rstrip().rstrip(b",")[:-1] + b"\n"


def glued(line):
    return line.rstrip() + line


DAMAGES = {
    "cut": cut,
    "half a byte": half_a_byte,
    "nonsense": lambda _: b"\x00\xff\xfe 'nonsense, \x1b[31m1\n",
    "no digits": lambda line: line.replace(b"0", b"?"),
    "glued": glued,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", TEXTS)
def test_a_damaged_line_costs_that_line(recordings, opened, caplog, name, damage):
    lines = recordings[name].splitlines(keepends=True)
    damaged = (20, 21, 100)  # frames
    for each in damaged:
        lines[HEADERS[name] + each] = DAMAGES[damage](lines[HEADERS[name] + each])
    reader = opened(b"".join(lines))
    expected = [each for number, each in enumerate(BANK) if number not in damaged]
    assert payloads(frames_of(reader)) == payloads(expected)
    assert reader.damaged >= len(damaged)
    first, last = caplog.messages[0], caplog.messages[-1]
    assert f"x:{HEADERS[name] + 21}: expected a line of " in first
    assert f"x: skipped {reader.damaged} of " in last


@pytest.mark.parametrize("name", TEXTS)
def test_a_line_without_an_end_costs_no_memory(recordings, opened, name):
    lines = recordings[name].splitlines(keepends=True)
    lines.insert(40, b" 00" * 1_000_000 + b"\n")
    reader = opened(b"".join(lines))
    assert payloads(frames_of(reader)) == payloads(BANK)
    assert reader.damaged


def test_damage_is_told_once_and_summed_up(recordings, opened, caplog):
    lines = recordings["trc"].splitlines(keepends=True)
    lines[30:35] = [b"damage\n"] * 5
    reader = opened(b"".join(lines), "x.trc")
    for _ in range(2):
        list(reader)
        assert reader.damaged == 5
    assert len(caplog.messages) == 2  # both once
    seen("a trace (.asc, .trc, .csv) has damaged lines", caplog.text)


@pytest.mark.parametrize("name", [*WRITERS, "gvret"])
def test_a_cut_recording_holds_the_beginning_of_its_frames(recordings, opened, name):
    content = recordings[name]
    for end in random.Random(1).sample(range(200, len(content)), 60):
        reader = opened(content[:end], f"x.{name}")
        found = list(reader)
        assert payloads(found_frames := frames_of(found)) == payloads(BANK[: len(found_frames)])


@pytest.mark.parametrize("name", [*WRITERS, "gvret"])
def test_a_cut_gzipped_recording_is_read_as_far_as_it_goes(recordings, opened, name, caplog):
    packed = gzip.compress(recordings[name])
    reader = opened(packed[: len(packed) * 3 // 4], f"x.{name}.gz")
    found = frames_of(reader)
    assert payloads(found) == payloads(BANK[: len(found)])
    assert name == "blf" or len(found) > len(BANK) // 4
    seen("a gzipped recording is cut or damaged", caplog.text)


def test_damage_in_a_gzipped_recording_is_told(opened, caplog):
    bank = list(islice(simulator.frames(14, START), 14 * 18 * 20))
    packed = bytearray(gzip.compress((gvret_header() + "".join(map(gvret, bank))).encode()))
    packed[len(packed) // 2 :][:4] = b"\xff" * 4
    packed[len(packed) // 2] ^= 0xFF
    found = frames_of(opened(packed))
    assert "cut or damaged" in caplog.text
    assert len(found) > len(bank) // 4


@given(
    place=st.floats(0, 1, exclude_max=True),
    byte=st.integers(0, 255).filter(lambda byte: byte != ord(";")),  # that begins a comment
    data=st.data(),
)
def test_no_damage_goes_unsaid(tmp_path_factory, recordings, place, byte, data):
    """Of a byte that is another one: as many frames as there were, or it is counted."""
    name = data.draw(st.sampled_from([*WRITERS, "gvret"]))
    content = bytearray(recordings[name])
    start = 144 if name == "blf" else content.index(b"\n", 300 if name != "trc" else 1300)
    content[start + int(place * (len(content) - start))] = byte
    path = tmp_path_factory.getbasetemp() / f"damaged.{name}"
    path.write_bytes(content)
    reader = formats.reader(path)
    found = list(reader)
    assert reader.damaged or len(found) == len(BANK)
    assert name == "blf" or len(found) >= len(BANK) - 2


@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(range(12))), max_size=20))
def test_nothing_makes_a_reader_fail(tmp_path_factory, recordings, parts):
    for name, content in recordings.items():
        lines = content.splitlines(keepends=True)
        mixed = lines[:20] + [
            each if isinstance(each, bytes) else lines[each * 7 % len(lines)][: 5 + each * 4]
            for each in parts
        ]
        path = tmp_path_factory.getbasetemp() / f"mixed.{name}"
        path.write_bytes(b"".join(mixed))
        list(formats.reader(path))
