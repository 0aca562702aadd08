"""A recording of any kind is its batteries' frames, with the times that they had."""

from __future__ import annotations

import gzip
import os
import random
import threading
import time
from codecs import BOM_UTF8
from itertools import islice

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.blocks import Silence
from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.recording import Recording
from tests.support.bank import START, candump_line, cycles, published, sent
from tests.support.faults import seen

BANK = list(islice(simulator.frames(14, START), 14 * 18 * 20))
"""Twenty whole cycles."""

ARRAYS = published(BANK)
MODIFIED = START + 1000


def text(stamp, frames=BANK):
    """Lines on screen; ``stamp`` writes a time and that of the frame before."""
    before = frames[0][2]
    for can_id, data, now in frames:
        yield f" ({stamp(now, before)})  can0  {can_id:03X}   [8]  {data.hex(' ').upper()}\n"
        before = now


def zero(now, _):
    return f"{now - START:010.6f}"


def boot(now, _):
    return f"{now - START + 331.42:.6f}"


def gap(now, before):
    return f"{now - before:010.6f}"


def date(now, _):
    seconds, _, fraction = f"{now:.6f}".partition(".")
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(int(seconds)))}.{fraction}"


@pytest.fixture
def written(tmp_path):
    """Writes a recording that was modified at MODIFIED; its name."""

    def write(content, name="x.log"):
        path = tmp_path / name
        if not isinstance(content, bytes):
            content = "".join(content).encode("latin-1")
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        os.utime(path, (MODIFIED, MODIFIED))
        return str(path)

    return write


def without_time(arrays):
    return [[{**each, "time": 0} for each in array] for array in arrays]


def last_time(arrays):
    return max(each["time"] for each in arrays[-1])


@pytest.mark.parametrize("stamp", [zero, boot, gap])
def test_relative_times_end_when_the_file_was_modified(written, caplog, stamp):
    name = written(text(stamp))
    arrays = published(Recording(name))
    assert without_time(arrays) == without_time(ARRAYS)
    assert last_time(arrays) == MODIFIED
    shown = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(MODIFIED))
    [message] = caplog.messages
    assert f"the last frame came when the file was modified, {shown}" in message
    if stamp is boot:
        seen("the times of a recording are relative", caplog.text)


@pytest.mark.parametrize("stamp", [zero, boot, gap])
def test_relative_times_end_when_the_user_says(written, caplog, stamp):
    arrays = published(Recording(written(text(stamp)), BANK[-1][2], stored=True))
    assert arrays == ARRAYS
    assert not caplog.messages


def test_zero_based_times_of_candump_l_are_relative(written):
    """candump -L -tz pads them to ten digits."""
    lines = [candump_line((can_id, data, now - START)) for can_id, data, now in BANK]
    padded = [line.replace("(", "(000000000", 1) for line in lines]
    arrays = published(Recording(written(padded), BANK[-1][2]))
    assert arrays == ARRAYS


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        (zero, "its times count from its first frame"),
        (boot, "its times count from a start that it does not name, such as the boot"),
        (gap, "its times are gaps between frames"),
    ],
)
def test_relative_times_are_not_stored_without_their_end(written, stamp, words):
    with pytest.raises(OSError, match=f"{words}, and would be stored; say when .* --end '20"):
        Recording(written(text(stamp)), stored=True).find_clock()


@pytest.mark.parametrize("place", [0, 100])
def test_a_damaged_bus_costs_its_frame(written, place):
    lines = list(map(candump_line, BANK))
    lines[place] = lines[place].replace("can0", "can8")
    assert published(Recording(written(lines)))[1:] == ARRAYS[1:]


def test_frames_without_times_are_shown_and_not_stored(written, caplog):
    name = written(line.split(")", 1)[1] for line in text(zero, BANK[:252]))
    assert last_time(published(Recording(name))) == MODIFIED
    assert "its frames have no times; they are guessed" in caplog.text
    for end in (None, START):
        with pytest.raises(OSError, match="its frames have no times, and would be stored"):
            Recording(name, end, stored=True).find_clock()


@pytest.mark.parametrize("factor", [1e3, 1e6, -1])
def test_times_out_of_range_are_named_and_not_stored(written, caplog, factor):
    name = written(text(lambda now, _: f"{now * factor:.3f}"))
    assert last_time(published(Recording(name))) == MODIFIED
    assert "its times are out of range (later than 2100, or negative): divide " in caplog.text
    with pytest.raises(OSError, match=r"its times are out of range .*, and would be stored"):
        Recording(name, stored=True).find_clock()


@pytest.mark.parametrize("content", ["", "hello\n"])
def test_nothing_is_said_of_the_times_of_a_recording_without_frames(written, caplog, content):
    with pytest.raises(OSError, match="no frame of a battery"):
        list(Recording(written(content), stored=True))
    assert "times" not in caplog.text


@pytest.mark.parametrize("end", ["\r", "\r\n"])
@pytest.mark.parametrize("begin", [b"", BOM_UTF8])
def test_text_of_other_systems_holds_the_same_arrays(written, caplog, begin, end):
    content = "".join(map(candump_line, BANK)).replace("\n", end)
    assert published(Recording(written(begin + content.encode()))) == ARRAYS
    assert not caplog.messages


@pytest.mark.parametrize("stamp", [date, lambda now, _: f"{now:.6f}"])
def test_absolute_times_are_as_they_are_and_take_no_end(written, caplog, stamp):
    name = written(text(stamp))
    assert published(Recording(name, stored=True)) == ARRAYS
    assert not caplog.messages
    with pytest.raises(OSError, match="--end is for relative times; these are seconds since 1970"):
        Recording(name, START).find_clock()


def emulator(now, _):
    return f"{now - START + 331.42:.3f}"


def test_dumps_of_battery_emulator_hold_the_same_arrays(written):
    lines = [
        line.replace("  can0  ", " RX0 ").replace("   [8]  ", " [8] ").strip() + "\n"
        for line in text(emulator)
    ]
    foreign = "(331.420) TX1 7 [2] 01 02\n(331.420) RX0 18FF50E5 [8] 01 02 03 04 05 06 07 08\n"
    arrays = published(Recording(written([foreign, *lines]), BANK[-1][2]))
    assert arrays == ARRAYS


@pytest.mark.parametrize("since", [START, 331.42])
@pytest.mark.parametrize("suffix", ["log", "asc", "blf", "csv", "trc"])
def test_what_python_can_writes_holds_the_same_arrays(written, tmp_path, suffix, since):
    path = tmp_path / f"python.{suffix}"
    with can.Logger(path) as file:
        for can_id, data, now in BANK:
            stamp = now - START + since
            file.on_message_received(
                can.Message(stamp, can_id, is_extended_id=False, data=data, channel="can0")
            )
    end = BANK[-1][2] if since < START else None
    for zipped in ("", ".gz"):
        name = written(path.read_bytes(), f"x.{suffix}{zipped}")
        assert published(Recording(name, end, stored=True)) == ARRAYS


def test_a_gzipped_log_that_was_cut_is_read_as_far_as_it_goes(written, caplog):
    content = gzip.compress("".join(map(candump_line, BANK)).encode())
    arrays = published(Recording(written(content[: len(content) // 2])))
    assert arrays[:5] == ARRAYS[:5]
    seen("a gzipped recording is cut or damaged", caplog.text)


def test_a_gzipped_log_is_read_in_constant_memory(written):
    name = written(map(candump_line, BANK), "x.log.gz")
    source = Recording(name)
    assert published(source) == ARRAYS
    assert source.position == source.size


@pytest.mark.parametrize("stamp", [boot, date])
def test_a_damaged_stamp_costs_nothing(written, stamp):
    lines = list(text(stamp))
    shown = lines[1000].partition("(")[2].partition(")")[0]
    damaged = shown.replace("20", "30", 1) if stamp is date else f"9{shown}"
    lines[1000] = lines[1000].replace(shown, damaged)
    end = None if stamp is date else BANK[-1][2]
    assert published(Recording(written(lines), end)) == ARRAYS


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "it is empty"),
        (
            "".join(candump_line((can_id, bytes(8), START)) for can_id in range(0x200, 0x208)),
            "8 frames of other ids (200, 201, 202, 203, 204 and 3 more)",
        ),
        ("(1.5) can0 00000101#0101010101010101\n", "1 frames of extended ids (00000101)"),
        (
            "(1.5) can0 20000008#0000020000000000\n" * 9,
            "9 error frames (was the bus set to another bit rate?)",
        ),
        ("(1.5) can0 101#R\n(1.5) can0 601#01\n", "2 frames of battery ids that are not data"),
        ("hello\n", "1 damaged lines (is it a recording?)"),
    ],
)
def test_a_recording_without_a_battery_says_what_is_in_it(written, content, found):
    with pytest.raises(OSError, match="no frame of a battery; ") as caught:
        list(Recording(written(content)))
    assert found in str(caught.value)


def test_three_recorded_seconds_without_a_frame_are_a_silence(written):
    frames = [*sent(1, 1.7e9), *sent(1, 1.7e9 + 2), *sent(1, 1.7e9 + 6)]
    found = list(Recording(written(map(candump_line, frames))))
    assert found[36:39] == [Silence.SECOND] * 3
    assert found.count(Silence.SECOND) == 3


def test_frames_of_a_second_bus_are_left_out_and_said_once(written, caplog):
    """Two banks in one log use the same ids."""
    bank, other = sent(1), sent(1, battery_soc=3)
    name = written(
        candump_line(a) + candump_line(b, "can1") for a, b in zip(bank, other, strict=True)
    )
    assert list(Recording(name)) == bank
    assert caplog.messages == [
        f"{name}: frames of can1 are ignored: only the first bus, can0, is read"
    ]


def test_a_bus_without_batteries_does_not_win(written):
    frame = sent(1)[0]
    assert list(Recording(written(f"(1715987139.000000) vcan7 123#00\n{candump_line(frame)}"))) == [
        frame
    ]


def test_progress_is_called_now_and_then(written):
    calls = []
    source = Recording(written(map(candump_line, BANK)))
    source.progress = lambda: calls.append(source.position)
    list(source)
    assert len(calls) == 1


@pytest.fixture
def through_a_pipe(tmp_path):
    """Opens what is written into a pipe."""
    threads = []

    def through(content):
        path = tmp_path / "fifo"
        os.mkfifo(path)
        thread = threading.Thread(target=path.write_text, args=("".join(content),))
        thread.start()
        threads.append(thread)
        return Recording(str(path))

    yield through
    for each in threads:
        each.join()


@pytest.mark.parametrize("stamp", [zero, boot, gap])
def test_relative_times_of_a_pipe_are_those_of_arrival(through_a_pipe, stamp):
    source = through_a_pipe(text(stamp, BANK[:252]))
    assert source.live
    before = time.time()
    frames = list(source)
    assert [each[:2] for each in frames] == [each[:2] for each in BANK[:252]]
    assert all(before <= each[2] <= time.time() for each in frames)


def test_times_of_a_pipe_that_are_out_of_range_are_those_of_arrival(through_a_pipe, caplog):
    caplog.set_level("INFO")
    [*frames] = through_a_pipe(text(lambda now, _: f"{now * 1000:.3f}", BANK[:18]))
    assert time.time() - 60 < frames[0][2] <= time.time()
    [message] = caplog.messages
    assert message.endswith(": its times are out of range: the time of arrival is used")


def test_absolute_times_of_a_pipe_are_as_they_are(through_a_pipe):
    assert list(through_a_pipe(map(candump_line, BANK[:252]))) == BANK[:252]


def test_an_end_is_not_for_a_pipe(tmp_path, through_a_pipe):
    assert list(through_a_pipe(map(candump_line, BANK[:1])))
    reader = os.open(tmp_path / "fifo", os.O_RDWR)  # so that it opens at once
    with pytest.raises(OSError, match="--end is for a file"):
        Recording(str(tmp_path / "fifo"), START).find_clock()
    os.close(reader)


@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_damage_costs_what_is_damaged(tmp_path_factory, rand: random.Random, count):
    frames = [frame for burst in cycles([1, 2, 3], 6) for frame in burst]
    lines = list(map(candump_line, frames))
    for _ in range(count):
        place = rand.randrange(len(lines))
        line = list(lines[place])
        line[rand.randrange(len(line))] = chr(rand.randrange(1, 128))
        lines[place] = "".join(line)
    path = tmp_path_factory.mktemp("damaged") / "x.log"
    path.write_text("".join(lines))
    whole = {str(each) for array in published(frames) for each in array}
    found = [str(each) for array in published(Recording(str(path))) for each in array]
    assert len(set(found) & whole) >= 18 - 3 * count
