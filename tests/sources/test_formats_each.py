"""What is special about each format of other programs."""

from __future__ import annotations

import io
from itertools import islice

import can
import pytest

from eflexcan2mqtt.sources import formats, simulator
from tests.support.bank import START, frames_of
from tests.support.faults import seen
from tests.support.formats import (
    BANK,
    gvret_header,
    message,
    payloads,
)

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
