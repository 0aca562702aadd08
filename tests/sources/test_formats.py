"""Recordings in the formats of other programs hold the same arrays as one by candump."""

from __future__ import annotations

import gzip
import io
import logging
import random
import subprocess
import sys
from itertools import islice

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.sources import formats, simulator
from eflexcan2mqtt.sources.candump import Candump
from tests.support.bank import START, candump_line, frames_of, published
from tests.support.faults import seen
from tests.support.program import MAIN

BANK = list(islice(simulator.frames(3, START), 3 * 18 * 4))
"""Four cycles of three batteries."""

WRITERS = {
    "asc": can.ASCWriter,
    "blf": can.BLFWriter,
    "csv": can.CSVWriter,
    "trc": can.TRCWriter,
}
TEXTS = ("asc", "csv", "trc", "gvret")
HEADERS = {"asc": 5, "csv": 1, "trc": 18, "gvret": 1}
"""Lines before the first frame."""


def message(frame, **changes):
    can_id, data, stamp = frame
    return can.Message(
        **{"timestamp": stamp, "arbitration_id": can_id, "is_extended_id": False, "data": data}
        | changes
    )


def gvret(frame, direction="Rx,", prefix="00000"):
    """A line as SavvyCAN writes it."""
    can_id, data, stamp = frame
    columns = "".join(f"{each:02X}," for each in data)
    return f"{round(stamp * 1e6)},{prefix}{can_id:03X},false,{direction}0,{len(data)},{columns}\n"


def gvret_header(direction="Dir,"):
    return f"Time Stamp,ID,Extended,{direction}Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"


class Recordings(dict):
    """The bank in each format, as bytes; too long to be shown."""

    __repr__ = object.__repr__


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    for name, writer in WRITERS.items():
        with writer(folder / name) as file:
            for frame in BANK:
                file.on_message_received(message(frame))
    (folder / "gvret").write_text(gvret_header() + "".join(map(gvret, BANK)))
    return Recordings({each.name: each.read_bytes() for each in folder.iterdir()})


@pytest.fixture
def opened(tmp_path):
    """The reader of a recording with this content."""

    def opened(content, name="x"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return formats.reader(path)

    return opened


def payloads(of_frames):
    return [each[:2] for each in of_frames]


def candump(of_frames=BANK):
    """The frames of the same bank, by candump."""
    return frames_of(Candump([candump_line(each).encode() for each in of_frames], "x.log"))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", [*WRITERS, "gvret"])
def test_a_recording_holds_the_same_arrays_as_one_by_candump(recordings, opened, name, zipped):
    content = recordings[name]
    reader = opened(gzip.compress(content) if zipped else content, f"x.{name}")
    arrays = published(frames_of(reader), "experimental")
    assert arrays == published(candump(), "experimental")
    assert len(arrays) == 4
    assert reader.damaged == 0
    assert reader.position == reader.size


@pytest.mark.parametrize(
    ("name", "absolute"),
    [("asc", True), ("blf", True), ("csv", None), ("trc", True), ("gvret", None)],
)
def test_it_is_told_whether_times_are_absolute(recordings, opened, name, absolute):
    reader = opened(recordings[name])
    first = next(iter(reader))
    assert reader.absolute is absolute
    assert first.stamp == pytest.approx(START, abs=0.001)


def test_each_iteration_begins_at_the_beginning(recordings, opened):
    for content in recordings.values():
        reader = opened(content)
        next(iter(reader))
        assert list(reader) == list(reader)


@pytest.mark.parametrize("name", ["asc", "blf", "trc"])
@pytest.mark.parametrize("since", [0.0, 331.42])
def test_times_that_only_count_from_a_start_are_told_as_such(opened, tmp_path, name, since):
    with WRITERS[name](tmp_path / "written") as writer:
        for can_id, data, stamp in BANK:
            writer.on_message_received(message((can_id, data, stamp - START + since)))
    reader = opened((tmp_path / "written").read_bytes())
    logged = list(reader)
    assert not reader.absolute
    assert payloads(frames_of(logged)) == payloads(BANK)
    assert logged[-1].stamp - logged[0].stamp == pytest.approx(BANK[-1][2] - START, abs=0.001)


@pytest.mark.parametrize("name", ["asc", "blf", "csv"])
def test_what_is_no_data_frame_is_told_as_what_it_is(opened, tmp_path, name):
    kinds = {
        "data": {},
        "remote": {"is_remote_frame": True, "data": None, "dlc": 8},
        "error": {"is_error_frame": True, "data": None, "dlc": 0},
        "fd": {"is_fd": True},
    }
    if name == "csv":
        del kinds["fd"]  # its format has none
    with WRITERS[name](tmp_path / "written") as writer:
        for changes in kinds.values():
            writer.on_message_received(message(BANK[0], **changes))
        writer.on_message_received(message(BANK[0], is_extended_id=True))
    reader = opened((tmp_path / "written").read_bytes())
    *logged, extended = reader
    assert [each.kind for each in logged] == list(kinds)
    assert (extended.extended, extended.can_id) == (True, 0x101)
    assert reader.damaged == 0


def test_buses_are_told_apart(opened, tmp_path):
    for name in ("asc", "blf", "trc"):
        with WRITERS[name](tmp_path / "written") as writer:
            for channel in (0, 1):
                writer.on_message_received(message(BANK[0], channel=channel))
        first, second = opened((tmp_path / "written").read_bytes())
        assert first.bus != second.bus


# How a name lies


@pytest.mark.parametrize("name", ["x.log", "x.csv", "x.asc", "x.blf.gz", "x"])
def test_the_content_decides_not_the_name(recordings, opened, name):
    for content in recordings.values():
        assert payloads(frames_of(opened(content, name))) == payloads(BANK)


@pytest.mark.parametrize("name", ["x.log", "x.csv", "x.asc", "x.trc", "x.blf", "x.log.gz"])
def test_a_recording_by_candump_is_none_of_these(opened, name):
    assert opened("".join(map(candump_line, BANK)), name) is None
    assert opened("  can0  101   [8]  01 01 0E 02 13 FF FD 47\n", name) is None
    assert opened(" (000.1)  can0  101   [8]  01 01 0E 02 13 FF FD 47\n", name) is None


def test_what_has_none_of_these_formats_has_no_reader(opened, tmp_path):
    for content in ("", "hello\n", "ID,Data Bytes\n101,01 02\n", b"\0" * 5000, b"\x1f\x8b\x08"):
        assert opened(content, "x.csv") is None
    assert formats.reader(tmp_path) is None
    assert formats.reader(tmp_path / "gone.asc") is None


def test_a_file_that_is_gone_is_an_error_with_its_name(recordings, opened, tmp_path):
    reader = opened(recordings["asc"])
    (tmp_path / "x").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        list(reader)
    assert caught.value.filename == str(tmp_path / "x")


# Damage


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


# .asc


ASC = "0.500000 1  101             Rx   d 8 01 01 0E 02 13 FF FD 47"
ASC_DATA = bytes.fromhex("01010E0213FFFD47")


@pytest.mark.parametrize(
    "date",
    [
        "Fri May 17 11:05:39 pm 2024",
        "Fri May 17 11:05:39.000 PM 2024",
        "Fri May 17 23:05:39.000 2024",
        "Fre Mai 17 23:05:39 2024",
        "Vie Abr 17 23:05:39 2024",
        "ven. mai 17 23:05:39 2024",
    ],
)
def test_an_asc_has_the_time_of_its_header(opened, caplog, date, monkeypatch):
    head = f"date {date}\nbase hex  timestamps absolute\nno internal events logged\n"
    reader = opened(f"{head}// version 9.0.0\n{ASC}\n")
    [logged] = reader
    assert logged.data == ASC_DATA
    if reader.absolute:
        assert logged.stamp == can_time(2024, 5, 17, 23, 5, 39.5)
    else:
        assert logged.stamp == 0.5
        assert f"the date '{date}' cannot be read" in caplog.text
        seen("the date of an .asc is in another language", caplog.text)
    assert reader.absolute == date.startswith("Fr")


def can_time(year, month, day, hour, minute, second):
    from datetime import datetime

    return datetime(year, month, day, hour, minute).timestamp() + second


def test_the_date_may_be_in_latin_1_or_utf_8(opened):
    for encoding in ("latin-1", "utf-8", "utf-8-sig"):
        head = "date Fre Mär 17 23:05:39 2024\nbase hex  timestamps absolute\n"
        reader = opened(f"{head}{ASC}\n".encode(encoding))
        [logged] = reader
        assert logged.stamp == can_time(2024, 3, 17, 23, 5, 39.5)


def test_relative_stamps_of_an_asc_are_gaps(opened):
    head = "date Fri May 17 23:05:39 2024\nbase hex  timestamps relative\n"
    statistic = "0.250000 1  Statistic: D 0 R 0 XD 0 XR 0 E 0 O 0 B 0.00%\n"
    reader = opened(f"{head}{ASC}\n{statistic}{ASC}\n")
    start = can_time(2024, 5, 17, 23, 5, 39)
    assert [each.stamp - start for each in reader] == [0.5, 1.25]
    assert reader.damaged == 0


def test_an_asc_in_decimal(opened):
    head = "date ven. mai 17 23:05:39 2024\nbase dec  timestamps absolute\n"
    line = "0.500000 1  257             Rx   d 8 1 1 14 2 19 255 253 71"
    assert [each[:2] for each in frames_of(opened(f"{head}{line}\n"))] == [(0x101, ASC_DATA)]
    assert frames_of(opened(f"{head}{line[:-1]}")) == []


def test_events_of_an_asc_are_no_damage(opened):
    reader = opened(
        f"date Fri May 17 23:05:39 2024\nbase hex  timestamps absolute\ninternal events logged\n"
        f"// version 9.0.0\nBegin Triggerblock Fri May 17 23:05:39 2024\n"
        f"   0.000000 Start of measurement\n"
        f"   0.015991 CAN 1 Status:chip status error passive - TxErr: 132 RxErr: 0\n"
        f"   1.015991 1  Statistic: D 0 R 0 XD 0 XR 0 E 0 O 0 B 0.04%\n"
        f"   1.5 J1939TP FEE3p 6 0 0 - Rx d 2\n{ASC}  Length = 233910 BitCount = 120 ID = 257\n"
        f"\nEnd TriggerBlock\n"
    )
    assert payloads(frames_of(reader)) == [(0x101, ASC_DATA)]
    assert reader.damaged == 0


# .trc


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("", "     1)       500.0  0101  8  01 01 0E 02 13 FF FD 47"),
        ("1.1", "     1)       500.0  Rx         0101  8  01 01 0E 02 13 FF FD 47"),
        ("1.3", "     1)       500.0 1  Rx        0101 -  8    01 01 0E 02 13 FF FD 47"),
        ("2.0\n;$COLUMNS=N,O,T,I,d,l,D", "  1  500.0 DT  0101 Rx 8  01 01 0E 02 13 FF FD 47"),
        ("2.1\n;$COLUMNS=N,O,T,B,I,d,R,L,D", " 1 500.0 DT 1 0101 Rx - 8 01 01 0E 02 13 FF FD 47"),
    ],
)
def test_each_version_of_trc_is_read(opened, head, line):
    start = ";$STARTTIME=45429.96225694445\n"
    text = f";$FILEVERSION={head}\n{start}; comment\n" if head else "; comment\n"
    reader = opened(f"{text}{line}\n", "x.trc")
    [(can_id, data, stamp)] = frames_of(reader)
    assert (can_id, data) == (0x101, ASC_DATA)
    assert stamp == pytest.approx(START + 0.5 if head else 0.5, abs=1e-4)
    assert (reader.damaged, reader.absolute) == (0, bool(head))


def test_a_trc_that_does_not_name_its_columns_is_no_endless_task(opened):
    reader = opened(f";$FILEVERSION=2.1\n 1 500.0 DT 1 0101 Rx - 8 {ASC[-23:]}\n", "x.trc")
    assert list(reader) == []
    assert reader.damaged


# SavvyCAN


def test_the_count_of_an_adapter_begins_again_after_71_minutes(opened):
    stamps = [4294967000, 4294967295, 0, 400, 4294967290, 90]
    lines = (f"{each},00000101,false,Rx,0,1,01,\n" for each in stamps)
    reader = opened(gvret_header() + "".join(lines))
    found = [round(each.stamp * 1e6) for each in reader]
    assert found == [*stamps[:2], 2**32, 2**32 + 400, 2**33 - 6, 2**33 + 90]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (gvret_header(), "500000,00000101,false,Rx,1,8,01,01,0E,02,13,FF,FD,47,"),
        (gvret_header(), "500000,00000101,false,Rx,1,8,01,01,0e,02,13,ff,fd,47"),
        (gvret_header(), "500000,0x101,False,Tx,1,8,01,01,0E,02,13,FF,FD,47,\r"),
        (gvret_header(""), "500000,00000101,false,1,8,01,01,0E,02,13,FF,FD,47,"),
        (gvret_header(""), "500000,101,FALSE,1,8,01,01,0E,02,13,FF,FD,47"),
        (
            "\ufeff" + gvret_header(),
            "500000, 101, false, Rx, 1, 8, 01, 01, 0E, 02, 13, FF, FD, 47,",
        ),
        ("", "500000,00000101,false,Rx,1,8,01,01,0E,02,13,FF,FD,47,"),
    ],
)
def test_a_line_of_savvycan_is_a_frame(opened, header, line):
    reader = opened(f"{header}{line}\n", "x.csv")
    assert list(reader) == [formats.Logged("1", 0x101, False, "data", ASC_DATA, 0.5)]
    assert reader.damaged == 0


def test_bytes_behind_the_length_are_none(opened):
    reader = opened(
        gvret_header() + "1715987139048187,00000101,true,Rx,0,2,01,02,00,00,00,00,00,00,"
    )
    [logged] = reader
    assert logged == formats.Logged("0", 0x101, True, "data", b"\x01\x02", 1715987139.048187)


@pytest.mark.parametrize(
    "line",
    [
        "500000,00000101,false,Rx,1,8,01,01,0E,02,13,FF,FD",
        "500000,00000101,false,Rx,1,8,01,01,0E,02,13,FF,FD,4",
        "500000,00000101,false,Rx,1,9,01,01,0E,02,13,FF,FD,47,",
        "500000,00000101,maybe,Rx,1,8,01,01,0E,02,13,FF,FD,47,",
        "500000,00000101,false,Rx,1,8,01,01,0E,02,13,FF,FD,47,500000,00000101",
        "-500000,00000101,false,Rx,1,8,01,01,0E,02,13,FF,FD,47,",
    ],
)
def test_a_damaged_line_of_savvycan_is_none(opened, line):
    reader = opened(f"{gvret_header()}{line}\n", "x.csv")
    assert list(reader) == []
    assert reader.damaged == 1


# .blf


@pytest.fixture(scope="module")
def large():
    """A bank for half a minute, and its .blf of some containers."""
    bank = list(islice(simulator.frames(14, START), 14 * 18 * 40))
    file = io.BytesIO()
    file.close = lambda: None
    with can.BLFWriter(file) as writer:
        for frame in bank:
            writer.on_message_received(message(frame))
    return bank, file.getvalue()


def containers(content):
    """Where the containers begin."""
    places, at = [], content.find(b"LOBJ")
    while at >= 0:
        places.append(at)
        at = content.find(b"LOBJ", at + 1)
    return places


def test_a_damaged_container_costs_its_frames(large, opened, caplog):
    bank, content = large
    places = containers(content)
    assert len(places) >= 4
    damaged = bytearray(content)
    damaged[(places[1] + places[2]) // 2] ^= 0x55
    reader = opened(damaged, "x.blf")
    found = frames_of(reader)
    most = 128 * 1024 // 48 + 3
    assert len(bank) - most <= len(found) < len(bank)
    assert set(found) <= set(frames_of(opened(content, "y.blf")))
    assert payloads(found[:2000]) == payloads(bank[:2000])
    assert payloads(found[-1000:]) == payloads(bank[-1000:])
    seen("a .blf is damaged", caplog.text)


@pytest.mark.parametrize("offset", [0, 4, 8, 9, 11, 12])
def test_a_damaged_header_of_a_container_costs_no_more_than_it(large, opened, offset):
    """Its signature, its header's size, its size in both directions, its type."""
    bank, content = large
    for byte in (0x00, 0x01, 0xFF):
        damaged = bytearray(content)
        damaged[containers(content)[1] + offset] = byte
        reader = opened(damaged, "x.blf")
        found = frames_of(reader)
        assert len(found) >= len(bank) - 128 * 1024 // 48 - 3
        assert len(found) == len(bank) or reader.damaged
        assert set(payloads(found)) <= set(payloads(bank))


def test_a_damaged_object_costs_that_frame(opened):
    """In a container that is not compressed nothing else protects it."""
    file = io.BytesIO()
    file.close = lambda: None
    with can.BLFWriter(file, compression_level=0) as writer:
        for frame in BANK:
            writer.on_message_received(message(frame))
    content = file.getvalue()
    [_, *objects] = containers(content)
    assert len(objects) == len(BANK)
    for offset, byte in ((0, b"X"), (6, b"\x07"), (8, b"\x28"), (8, b"\x3a"), (11, b"\x7f")):
        at = objects[10] + offset
        reader = opened(content[:at] + byte + content[at + 1 :], "x.blf")
        found = payloads(frames_of(reader))
        assert reader.damaged
        assert set(found) <= set(payloads(BANK))
        assert len(found) >= len(BANK) - 1


def test_a_blf_whose_writer_was_killed_is_read(opened):
    """Its header is not filled in, and the last container is missing."""
    file = io.BytesIO()
    writer = can.BLFWriter(file, max_container_size=1024)
    for frame in BANK:
        writer.on_message_received(message(frame))
    reader = opened(file.getvalue(), "x.blf")
    found = list(reader)
    assert reader.absolute is False
    assert payloads(found_frames := frames_of(found)) == payloads(BANK[: len(found_frames)])
    assert len(found) > len(BANK) - 30


def test_a_blf_without_its_header_is_read(large, opened, caplog):
    bank, content = large
    reader = opened(content[144:], "x.blf")
    assert payloads(frames_of(reader)) == payloads(bank)
    assert reader.absolute is False
    assert "a damaged header" in caplog.text


def test_python_can_logs_nothing_of_its_own(recordings, opened, caplog):
    caplog.set_level(logging.WARNING)
    lines = recordings["trc"].splitlines(keepends=True)
    lines[40] = b"    22  20.0 DT\n"
    list(opened(b"".join(lines)))
    assert {each.name.split(".")[0] for each in caplog.records} == {"eflexcan2mqtt"}


def test_what_is_not_needed_is_not_imported(tmp_path):
    """python-can takes 18 MB: a recording by candump or SavvyCAN does without it."""
    (tmp_path / "x.log").write_text("".join(map(candump_line, BANK)))
    (tmp_path / "x.csv").write_text(gvret_header() + "".join(map(gvret, BANK)))
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from eflexcan2mqtt.sources import formats\n"
        "assert formats.reader(Path(sys.argv[1])) is None\n"
        "assert len(list(formats.reader(Path(sys.argv[2])))) == 216\n"
        "assert 'can' not in sys.modules"
    )
    arguments = [sys.executable, "-c", program, tmp_path / "x.log", tmp_path / "x.csv"]
    subprocess.run(arguments, check=True, cwd=MAIN.parent)
