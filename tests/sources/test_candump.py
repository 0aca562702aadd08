"""Whatever candump prints is read, and damage is stepped over."""

from __future__ import annotations

import math
import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.blocks import OUR_IDS
from eflexcan2mqtt.sources.candump import Candump
from eflexcan2mqtt.sources.lines import LONGEST
from tests.support.bank import candump_line, frames_of
from tests.support.faults import seen

DATA = "01010E0213FFFD47"
SPACED = "01 01 0E 02 13 FF FD 47"
SWAPPED = "`".join(reversed(SPACED.split()))
BINARY = " ".join(f"{each:08b}" for each in bytes.fromhex(DATA))
FRAME = (0x101, bytes.fromhex(DATA), 1715987139.048187)


@pytest.fixture
def in_zone(monkeypatch):
    """Sets the time zone of this process."""

    def set_zone(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


def read(text):
    """The frames of batteries in a log, and its reader."""
    lines = (text.encode() if isinstance(text, str) else text).split(b"\n")
    source = Candump(lines if lines[-1] else lines[:-1], "x.log")
    return frames_of(source), source


@pytest.mark.parametrize(
    "line",
    [
        f"(1715987139.048187) can0 101#{DATA}",
        f"(1715987139.048187) can0 101#{DATA.lower()} R",
        f"(1715987139.048187)  can0  101#{DATA} T\r",
        f"(1715987139.048187)  can0  101   [8]  {SPACED}",
        f"(1715987139.048187)  can0       101   [8]  {SPACED}   '.....G..'",
        f"(1715987139.048187)  can0  RX - -  101   [8]  {SPACED}",  # -x
        f"(1715987139.048187)  can0  TX B E  101   [8]  {SPACED}   '........'",
        f"(1715987139.048187)  can0  101   {{F}}  {SPACED}",  # -8
        f"(1715987139.048187)  \x1b[31mcan0\x1b[0m  101   [8]  {SPACED}",  # -c
        f" \x1b[31m(1715987139.048187)  can0  101   [8]  {SPACED}\x1b[0m",  # -ccc
        f"(1715987139.048187) RX0 101 [8] {SPACED}",  # Battery-Emulator
        f"(1715987139.048187000) can0 101#{DATA}",  # nanoseconds
    ],
)
def test_a_line_with_its_time_is_a_frame(line):
    frames, source = read(line + "\n")
    assert frames == [FRAME]
    assert source.damaged == 0


def test_a_negative_time_is_a_time():
    [logged] = Candump([f" (-0.000200)  can0  101   [8]  {SPACED}".encode()], "x.log")
    assert logged.stamp == -0.0002


def test_a_line_on_screen_may_have_no_bus(caplog):
    [logged] = Candump([f" (0.000379)  101   [8]  {SPACED}".encode()], "x.log")
    assert (logged.bus, logged.can_id, logged.stamp) == ("", 0x101, 0.000379)
    assert not caplog.messages


def test_a_last_line_without_an_end_is_a_line():
    assert read(f"(1715987139.048187) can0 101#{DATA}")[0] == [FRAME]


@pytest.mark.parametrize(
    "line",
    [
        f"  can0  101   [8]  {SPACED}",
        f" (2024-13-41 23:05:39.048187)  can0  101   [8]  {SPACED}",  # no such day
    ],
)
def test_a_line_without_time_is_a_frame_whose_time_is_no_number(line):
    [logged] = Candump([line.encode()], "x.log")
    assert (logged.can_id, logged.data) == FRAME[:2]
    assert math.isnan(logged.stamp)


@pytest.mark.parametrize(
    ("zone", "stamp"),
    [("UTC", 1715987139.048187), ("Europe/Berlin", 1715979939.048187)],
)
def test_a_date_is_local_time(zone, stamp, in_zone):
    in_zone(zone)
    frames, _ = read(f" (2024-05-17 23:05:39.048187)  can0  101   [8]  {SPACED}\n")
    assert frames == [(*FRAME[:2], pytest.approx(stamp, abs=1e-6))]


def test_the_hour_that_comes_twice_in_autumn_is_read_as_both(in_zone):
    in_zone("Europe/Berlin")
    begin = 1729990740.5  # 2024-10-27 02:59:00.5, summer time
    dates = [begin + 10 * step for step in range(400)]
    shown = [datetime.fromtimestamp(each).strftime("%Y-%m-%d %H:%M:%S.%f") for each in dates]
    frames, _ = read("".join(f" ({each})  can0  101   [8]  {SPACED}\n" for each in shown))
    assert [stamp for _, _, stamp in frames] == dates


@pytest.mark.parametrize(
    "line",
    [
        f"(1715987139.048187) can0 00000101#{DATA}",  # extended
        f"(1715987139.048187) can0 20000080#{DATA}",  # error
        "(1715987139.048187) can0 101#R",
        "(1715987139.048187) can0 101#R8",
        f"(1715987139.048187) can0 101##1{DATA}",  # CAN FD
        "(1715987139.048187) can0 101#0101",  # short
        "(1715987139.048187) can0 101#",
        f"(1715987139.048187) can0 100#{DATA}",
        f"(1715987139.048187) can0 110#{DATA}",
        f"(1715987139.048187) can0 7FF#{DATA}",
        f"  can0  00000101   [8]  {SPACED}",
        "  can0  101   [8]  remote request",
        f"  can0  20000004   [8]  {SPACED}   ERRORFRAME",
        f"  can0  101  [08]  {SPACED}",
        f"  can0  101  [12]  {SPACED} 00 00 00 00",
        "  can0  101   [2]  01 01",
        "  can0  101   [0] ",
        "  can0  101   [0]  ''",
        "\tcontroller-problem{rx-overflow}",  # candump -e, below its frame
        "\tno-acknowledgement-on-tx",
        "\tcontroller-problem{},error-counter-tx-rx{{0}{1}}",
        "(331.420) TX1 18FF50E5 [8] 01 02 03 04 05 06 07 08",
        "(331.420) RX0 7 [2] 01 02",
        "DROPCOUNT: dropped 5 CAN frames on 'can0' socket (total drops 5)",
        "",
        "   ",
    ],
)
def test_lines_that_are_no_frame_of_a_battery_are_understood_and_ignored(line, caplog):
    frames, source = read(line + "\n")
    assert frames == []
    assert source.damaged == 0
    assert not caplog.messages


@pytest.mark.parametrize(
    "line",
    [
        f"(1715987139.048187) can0 101#{DATA[:-1]}",  # odd digits
        f"(1715987139.048187) can0 101#{DATA}00",  # nine bytes
        f"(1715987139.048187) can0 1G1#{DATA}",
        f"(1715987139.048187) can0 801#{DATA}",  # no 11-bit id
        f"(1715987139.048187 can0 101#{DATA}",
        f"1715987139.048187) can0 101#{DATA}",
        f"(1715987139) can0 101#{DATA}",
        "(1715987139.0481",
        f"  can0  101   [8]  {SPACED[:-3]}",
        f"  can0  101   [7]  {SPACED}",
        f"101   [8]  {SPACED}",  # cut at the beginning
        f"(1715987139.048187) (can0) 101#{DATA}",
        f" (a)  101   [8]  {SPACED}",
        "  can0  101   [8]",
        "  can0  101   [8]  ",
        "\x00\x00\x00\x00",
        "hello",
    ],
)
def test_a_damaged_line_is_counted_and_the_rest_read_on(line, caplog):
    text = f"(1715987139.048187) can0 101#{DATA}\n{line}\n(1715987139.048187) can0 101#{DATA}\n"
    frames, source = read(text)
    assert frames == [FRAME, FRAME]
    assert source.damaged == 1
    seen("a line of a log is damaged", caplog.text)
    assert caplog.messages[0].startswith("x.log:2: expected a line of candump, found '")
    assert caplog.messages[1:] == ["x.log: skipped 1 of 3 lines"]
    assert "\x00" not in caplog.text


def test_only_the_first_damaged_line_is_reported(caplog):
    assert read("a\nb\nc\n")[1].damaged == 3
    assert caplog.messages[1:] == ["x.log: skipped 3 of 3 lines"]


def test_a_line_that_was_cut_for_its_length_is_damaged():
    good = f"(1715987139.048187) can0 101#{DATA}\n"
    assert read("A" * (LONGEST + 1) + "\n" + good)[0] == [FRAME]
    assert read(good.strip() + " " * LONGEST + "\n")[1].damaged == 1


def test_a_line_of_blanks_takes_no_time():
    """No regular expression goes through it again and again."""
    begun = time.process_time()
    for _ in range(50):
        read("  can0  101   [8]" + " " * (LONGEST - 20) + "x\n")
    assert time.process_time() - begun < 5


@given(st.binary(max_size=3000))
def test_any_bytes_are_read_to_the_end(data):
    frames, source = read(data)
    assert len(frames) <= source.count
    assert source.damaged <= source.count


@given(st.lists(st.sampled_from(sorted(OUR_IDS)), max_size=20), st.randoms())
def test_frames_survive_being_written_and_read(ids, random):
    frames = [(can_id, random.randbytes(8), 1.7e9 + n) for n, can_id in enumerate(ids)]
    assert read("".join(map(candump_line, frames)))[0] == frames


def test_seconds_without_a_line_pass_through():
    first, frame, last = Candump([None, candump_line(FRAME).encode(), None], "x.log")
    assert (first, last) == (None, None)
    assert frames_of([frame]) == [FRAME]


def test_frames_that_candump_has_lost_are_counted():
    line = "DROPCOUNT: dropped {} CAN frame{} on 'can0' socket (total drops 6)\n"
    assert read(line.format(1, "") + line.format(5, "s"))[1].dropped == 6


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (f"  can0  101   [8]  {SWAPPED}", "-S: bytes are reversed"),
        (f" (000.000000)  can0  101   [8]  {SWAPPED}   `G.......`", "-S: bytes are reversed"),
        (f"  can0  101   [8]  {BINARY}", "-i: bytes are binary"),
        (f"  can0  101   [8]  {BINARY.replace(' ', '`')}", "-i: bytes are binary"),
    ],
)
def test_lines_that_cannot_be_read_name_the_option_that_made_them(line, problem, caplog):
    with pytest.raises(OSError, match=f"this is candump {problem}; record with 'candump -L'"):
        read(line + "\n")
    assert not caplog.messages
