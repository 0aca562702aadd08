"""A recording in each format holds the readings and the times of the one it was made from."""

from __future__ import annotations

import gzip
import os
import subprocess
import time
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eflexcan2mqtt.commands.convert import convert
from eflexcan2mqtt.sources import RECORDING, WRITABLE, Input, faults, simulator
from eflexcan2mqtt.sources.recording import Recording
from tests.support.bank import START, candump_line, cycles, decoded, sent
from tests.support.program import LOG
from tests.test_captures import LOGS

MICROSECONDS = 3e-6

"""Each format writes them, in its own rounding."""


def converted(source, target, end=None):
    found = convert(Input(RECORDING, str(source)), target, 0, end)
    assert found.good, found.text
    return target


def frames(path, end=None):
    return [each for each in Recording(str(path), end) if isinstance(each, tuple)]


def readings(path):
    """The readings of each cycle, without their times, and the times."""
    arrays = decoded(Recording(str(path)))
    return arrays, [[reading.pop("time") for reading in each] for each in arrays]


def assert_the_same(source, target, end=None):
    before, after = frames(source, end), frames(target)
    assert [each[:2] for each in after] == [each[:2] for each in before]
    for (*_, old), (*_, new) in zip(before, after, strict=True):
        assert new == pytest.approx(old, abs=MICROSECONDS, rel=0)


SIMULATED = [(1, ""), (14, ""), (4, "relay_open:1@2s, lossy:10%@1s, missing:2@2s-4s, hot:3@2s")]


@pytest.fixture(scope="module", params=[*LOGS, *SIMULATED], ids=str)
def recording(request, tmp_path_factory):
    """Each recording that there is, and of simulated banks."""
    if isinstance(request.param, tuple):
        number, wrong = request.param
        bank = simulator.frames(
            number, START + 0.9999, faults=faults.parse(wrong, number) if wrong else ()
        )
        path = tmp_path_factory.mktemp("simulated") / "bank.log"
        path.write_text("".join(map(candump_line, islice(bank, 1000))))
        return path
    return request.param


@pytest.mark.parametrize("suffix", WRITABLE)
def test_a_recording_in_each_format_gives_the_same_readings(recording, tmp_path, suffix):
    target = converted(recording, tmp_path / f"x.y{suffix}")
    assert_the_same(recording, target)
    before, after = readings(recording), readings(target)
    assert before[0]
    assert after == before
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("first", WRITABLE)
def test_each_format_becomes_each_other(tmp_path, first):
    source = converted(LOG, tmp_path / f"first{first}")
    for suffix in WRITABLE:
        assert_the_same(LOG, converted(source, tmp_path / f"second{suffix}"))


ODD = [
    "(%f) can0 00000101#01010E0213FFFD47",  # an extended id
    "(%f) can0 101#R8",
    "(%f) can0 20000088#0000000000000000",
    "(%f) can0 101##101010E0213FFFD47",
    "(%f) can0 101#01010E",
    "(%f) can0 351#0102030405060708",
    "(%f) can1 101#01010E0213FFFD47",
    "(%f) can0 101#01010E0213FFF",
    "(%f) can0  101   [8]  01 01 0E 02 13 FF FD 47",
    "DROPCOUNT: dropped 3 CAN frames on 'can0' socket (total drops 3)",
    "",
]


@settings(max_examples=30)
@given(
    st.data(),
    st.sampled_from(WRITABLE),
    st.lists(st.sampled_from([0, 0.000001, 0.0005, 0.3, 4.0, 90_000.0]), min_size=60, max_size=60),
)
def test_odd_frames_and_gaps_change_no_reading(tmp_path_factory, data, suffix, gaps):
    """Foreign frames, damage and frames that are lost or come twice."""
    bursts = [each for burst in cycles([1, 2], 2) for each in burst]
    # A last frame that jumps is not believed unless another follows, if only a foreign one.
    places = range(len(bursts) - 2)
    order = data.draw(st.lists(st.sampled_from(places), max_size=20))
    wrong = {each: data.draw(st.sampled_from([*ODD, "lost", "twice"])) for each in order}
    now, lines = START, [candump_line(bursts[0]), candump_line(bursts[0])]
    for place, (can_id, content, _) in enumerate(bursts):
        now += gaps[place % len(gaps)] if place in wrong else 0.0005
        line = candump_line((can_id, content, now))
        odd = wrong.get(place, "")
        lines += {"lost": [], "twice": [line, line]}.get(
            odd, [line, f"{odd % now if '%f' in odd else odd}\n"]
        )
    folder = tmp_path_factory.mktemp("odd")
    source = folder / "in.log"
    source.write_text("".join(lines))
    target = converted(source, folder / f"out{suffix}")
    assert_the_same(source, target)
    assert readings(target) == readings(source)


@pytest.mark.parametrize("suffix", WRITABLE)
def test_a_frame_older_than_the_first_gets_its_time(tmp_path, suffix):
    """The clock was set back by a minute; most formats cannot say so."""
    old = sent(1, START - 60) + sent(1, START - 40)
    source = tmp_path / "in.log"
    source.write_text("".join(map(candump_line, sent(1) + old)))
    found = frames(converted(source, tmp_path / f"out{suffix}"))
    assert [each[:2] for each in found] == [each[:2] for each in sent(1) + old]
    for *_, stamp in found[18:]:
        assert stamp == pytest.approx(START, abs=MICROSECONDS, rel=0)


@pytest.mark.parametrize("suffix", WRITABLE)
@pytest.mark.parametrize(
    "start",
    [1_729_989_000.75, 1_729_992_600.75, 1_729_994_399.9996, 1_711_846_799.5],
    ids=["first 02:30", "second 02:30", "its end", "spring"],
)
def test_times_stay_when_clocks_change(tmp_path, monkeypatch, suffix, start):
    """An .asc has local time without its zone: in autumn an hour comes twice."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        source = tmp_path / "in.log"
        source.write_text("".join(map(candump_line, sent(1, start) + sent(1, start + 1.012))))
        assert_the_same(source, converted(source, tmp_path / f"out{suffix}"))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_relative_times_need_an_end(tmp_path):
    source, target = tmp_path / "in.log", tmp_path / "out.asc"
    source.write_text("".join(candump_line((i, d, t - START)) for i, d, t in sent(1) + sent(2)))
    with pytest.raises(OSError, match="would be stored; say when the last frame came"):
        convert(Input(RECORDING, str(source)), target, 0, None)
    assert list(tmp_path.iterdir()) == [source]
    assert_the_same(source, converted(source, target, START), START)


def test_a_file_says_nothing_of_where_it_was_made(tmp_path):
    for suffix in WRITABLE:
        content = converted(LOG, tmp_path / f"out{suffix}").read_bytes()
        content = gzip.decompress(content) if suffix.endswith("gz") else content
        assert tmp_path.name.encode() not in content
        assert b"unfinished" not in content


@pytest.mark.parametrize("suffix", WRITABLE)
def test_the_simulator_is_written_until_now(run, tmp_path, suffix):
    done = run("convert", "simulator:2", f"bank{suffix}", "--seconds", "5")
    count = 5 * 2 * 18  # a cycle is a bit longer than a second, and begins at the start
    assert (done.stdout, done.returncode) == (f"bank{suffix}: {count} frames of batteries\n", 0)
    found = frames(tmp_path / f"bank{suffix}")
    assert len(found) == count
    assert found[-1][2] - found[0][2] == pytest.approx(4 * simulator.CYCLE_S, abs=0.1)
    assert 0 < time.time() - found[-1][2] < 30


def test_without_seconds_it_is_a_minute(tmp_path, run):
    run("convert", "simulator:1", "bank.log")
    assert len(decoded(Recording(str(tmp_path / "bank.log")))) == 60


def test_the_format_may_be_in_capitals(run, tmp_path):
    assert run("convert", LOG, "BANK.LOG.GZ").returncode == 0
    assert_the_same(LOG, tmp_path / "BANK.LOG.GZ")


def test_a_terminal_sees_how_far_it_is(command, tmp_path):
    """In a terminal of its own; it takes seconds, and is told after half of one."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [*command, "convert", "simulator", "bank.log", "--seconds", "2000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 1000):
            shown += part
    except OSError:
        pass  # the other end is closed
    os.close(ours)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert b" % " in shown
    assert shown.endswith(b"\r\x1b[K")
