"""Whatever candump prints is read, and damage is stepped over."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.blocks import OUR_IDS, Silence
from eflexcan2mqtt.sources.candump import LINES_PER_PROGRESS, Candump
from eflexcan2mqtt.sources.lines import LONGEST
from tests.support.bank import candump_line, sent

DATA = "01010E0213FFFD47"
SPACED = "01 01 0E 02 13 FF FD 47"
FRAME = (0x101, bytes.fromhex(DATA), 1715987139.048187)


def read(text):
    """The frames in a log, and its reader."""
    lines = (text.encode() if isinstance(text, str) else text).split(b"\n")
    source = Candump(lines if lines[-1] else lines[:-1], "x.log")
    return list(source), source


@pytest.mark.parametrize(
    "line",
    [
        f"(1715987139.048187) can0 101#{DATA}",
        f"(1715987139.048187) can0 101#{DATA.lower()} R",
        f"(1715987139.048187)  can0  101#{DATA} T\r",
        f"(1715987139.048187)  can0  101   [8]  {SPACED}",
        f"(1715987139.048187)  can0       101   [8]  {SPACED}   '.....G..'",
        f"(1715987139.048187)  can0  RX - -  101   [8]  {SPACED}",
    ],
)
def test_a_line_with_its_time_is_a_frame(line):
    frames, source = read(line + "\n")
    assert frames == [FRAME]
    assert source.damaged == 0


def test_a_last_line_without_an_end_is_a_line():
    assert read(f"(1715987139.048187) can0 101#{DATA}")[0] == [FRAME]


def test_a_line_without_time_has_the_time_of_reading():
    before = time.time()
    [(can_id, data, stamp)], _ = read(f"  can0  101   [8]  {SPACED}\n")
    assert (can_id, data) == FRAME[:2]
    assert before <= stamp <= time.time()


def test_gaps_are_added_up_from_the_time_of_reading():
    """candump -td; lines that are not ours count as well."""
    text = (
        f" (000.000000)  can0  101   [8]  {SPACED}\n"
        f" (000.250000)  can0  7FF   [1]  00\n"
        f" (001.250000)  can0  101   [8]  {SPACED}\n"
    )
    before = time.time()
    [first, second], _ = read(text)
    assert before <= first[2] <= time.time()
    assert second[2] - first[2] == pytest.approx(1.5, abs=1e-5)


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
        "",
        "   ",
    ],
)
def test_lines_that_are_no_frame_of_a_battery_are_understood_and_ignored(line, caplog):
    frames, source = read(line + "\n")
    assert frames == []
    assert source.damaged == 0
    assert caplog.messages == ["x.log: no frame of a battery in 1 lines"]


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
    assert caplog.messages[0].startswith("x.log:2: expected a line of candump, found '")
    assert caplog.messages[1:] == ["x.log: skipped 1 of 3 lines"]
    assert "\x00" not in caplog.text


def test_only_the_first_damaged_line_is_reported(caplog):
    assert read("a\nb\nc\n")[1].damaged == 3
    assert caplog.messages[1:] == [
        "x.log: no frame of a battery in 3 lines",
        "x.log: skipped 3 of 3 lines",
    ]


def test_a_line_that_was_cut_for_its_length_is_damaged():
    good = f"(1715987139.048187) can0 101#{DATA}\n"
    assert read("A" * (LONGEST + 1) + "\n" + good)[0] == [FRAME]
    assert read(good.strip() + " " * LONGEST + "\n")[1].damaged == 1


def test_a_line_of_blanks_takes_no_time():
    """No regular expression goes through it again and again."""
    begun = time.monotonic()
    for _ in range(50):
        read("  can0  101   [8]" + " " * (LONGEST - 20) + "x\n")
    assert time.monotonic() - begun < 5


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
    source = Candump([None, candump_line(FRAME).encode(), None], "x.log")
    assert list(source) == [Silence.SECOND, FRAME, Silence.SECOND]


def test_lines_without_time_have_the_time_of_the_clock_that_was_given():
    line = f"  can0  101   [8]  {SPACED}".encode()
    assert list(Candump([line], "x.log", lambda: 5.5)) == [(*FRAME[:2], 5.5)]


def test_a_log_without_batteries_says_so(caplog):
    assert read("# a note\n# another\n")[0] == []
    assert "x.log: no frame of a battery in 2 lines" in caplog.messages


def test_three_recorded_seconds_without_a_frame_are_a_silence():
    frames = [*sent(1, 1.7e9), *sent(1, 1.7e9 + 2), *sent(1, 1.7e9 + 6)]
    found, _ = read("".join(map(candump_line, frames)))
    assert found[36:39] == [Silence.SECOND] * 3
    assert found.count(Silence.SECOND) == 3


def test_frames_of_a_second_bus_are_left_out_and_said_once(caplog):
    """Two banks in one log use the same ids."""
    bank, other = sent(1), sent(1, battery_soc=3)
    text = "".join(
        candump_line(a) + candump_line(b, "can1") for a, b in zip(bank, other, strict=True)
    )
    frames, _ = read(text)
    assert frames == bank
    assert caplog.messages == [
        "x.log:2: frames of can1 are ignored: only the first bus, can0, is read"
    ]


def test_a_bus_without_batteries_does_not_win():
    text = "(1715987139.000000) vcan7 123#00\n" + candump_line(FRAME)
    assert read(text)[0] == [FRAME]


def test_progress_is_told_now_and_then():
    calls = []
    text = "\n" * (3 * LINES_PER_PROGRESS)
    list(Candump(text.encode().split(b"\n"), "x.log", progress=lambda: calls.append(1)))
    assert len(calls) == 3
