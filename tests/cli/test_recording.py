"""Recordings as users give them: what is printed, and the exit status."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
import shlex
import subprocess
import sys
import time

import can
import pytest

from tests.support.bank import START, candump_line, cycles
from tests.support.faults import seen
from tests.support.program import LOG, MAIN, mqtt_ini

FRAMES = [frame for burst in cycles([1, 2, 3], 4) for frame in burst]
END = FRAMES[-1][2]


@pytest.fixture
def log(tmp_path):
    """Writes a log of these frames, with other times; its path."""

    def write(shift=0.0, lines=None):
        path = tmp_path / "x.log"
        shifted = ((can_id, data, now + shift) for can_id, data, now in FRAMES)
        path.write_text("".join(lines or map(candump_line, shifted)))
        return path

    return write


def gaps():
    before = START
    for can_id, data, now in FRAMES:
        yield f" ({now - before:010.6f})  can0  {can_id:03X}   [8]  {data.hex(' ').upper()}\n"
        before = now


@pytest.mark.parametrize("output", ["influx", "mqtt"])
def test_outputs_that_store_refuse_relative_times_before_they_begin(
    run, broker, tmp_path, log, output
):
    ini = mqtt_ini(tmp_path, broker.port)
    done = run("-c", ini, "--input", log(lines=gaps()), "--output", output)
    assert (done.returncode, done.stdout) == (1, "")
    seen("a recording with relative times is to be stored", done.stderr)
    assert len(done.stderr.splitlines()) == 2
    checked = run("check", "-c", ini, "--input", log(lines=gaps()), "--output", output)
    assert "BAD " in checked.stdout
    assert checked.returncode == 1


def test_outputs_that_store_refuse_a_recording_without_times(run, log):
    lines = (line.split(")", 1)[1] for line in gaps())
    done = run("--input", log(lines=lines), "--output", "influx")
    assert (done.returncode, done.stdout) == (1, "")
    seen("a recording without times is to be stored", done.stderr)


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        (f"{END:.6f}", {}),
        ("2024-05-17 23:05:42", {"TZ": "UTC"}),
        ("2024-05-18T01:05:42+02:00", {}),
        ("2024-05-17T23:05:42Z", {}),
    ],
)
def test_the_end_can_be_given_in_each_way(run, log, text, environment):
    arguments = ("--input", log(331.42 - START), "--output", "influx", "--end", text)
    done = run(*arguments, env={**os.environ, **environment})
    last = done.stdout.split()[-1]
    assert last == "1715987142000000000"
    assert done.returncode == 0
    assert "guessed" not in done.stderr


def test_a_recording_without_a_battery_ends_with_1(run, log):
    lines = [candump_line((can_id, bytes(8), START)) for can_id in range(0x200, 0x208)]
    lines += [f"({START:.6f}) can0 20000008#0000020000000000\n"] * 9
    path = log(lines=lines)
    for arguments in (("--output", "json"), ("--check", "--output", "json")):
        done = run("--input", path, *arguments)
        assert done.returncode == 1
        seen("a recording has no frame of a battery", done.stderr + done.stdout)
    piped = run("--input", "-", "--output", "json", input="".join(lines))
    assert piped.returncode == 1
    seen("a recording has no frame of a battery", piped.stderr)


@pytest.mark.parametrize("count", [3, 17])
def test_a_recording_without_a_complete_burst_ends_with_1(run, log, count):
    path = log(lines=list(map(candump_line, FRAMES[:count])))
    for arguments in (("--output", "json"), ("--check", "--output", "json")):
        done = run("--input", path, *arguments)
        said = done.stderr + done.stdout
        assert done.returncode == 1
        assert f"{path}: no complete burst of a battery in {count} frames\n" in said
        seen("a recording has no complete burst", said)
    assert f"BAD {path}" in said
    piped = run("--input", "-", "--output", "json", input=path.read_text())
    assert (piped.returncode, piped.stdout) == (1, "")
    assert f"-: no complete burst of a battery in {count} frames\n" in piped.stderr


def test_a_recording_of_which_no_burst_can_be_decoded_ends_with_1(run, log):
    lines = [candump_line(each) for each in FRAMES if each[0] & 0xF == 1]
    broken = [re.sub("#08.*", "#08" + "FF" * 7, line) for line in lines]
    path = log(lines=broken)
    for arguments in (("--output", "json"), ("--check", "--output", "json")):
        done = run("--input", path, *arguments)
        assert done.returncode == 1
        found = f"{path}: none of 4 bursts of batteries can be decoded\n"
        assert found in done.stderr + done.stdout


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_ends_with_1_and_one_line(run, log, encoding):
    path = log()
    content = path.read_text().encode(encoding)
    path.write_bytes(content)
    for arguments in (("--output", "json"), ("--check", "--output", "json")):
        done = run("--input", path, *arguments)
        assert done.returncode == 1
        seen("a recording is UTF-16 text", done.stderr + done.stdout)
        assert "expected a line" not in done.stderr
    done = piped(content)
    assert done.returncode == 1
    seen("a recording is UTF-16 text", done.stderr.decode())


@pytest.mark.parametrize(
    ("suffix", "found"),
    [
        (".blf", "this is a .blf recording; give the file itself to --input"),
        (".asc", "this is a .asc recording; give the file itself to --input"),
        (".trc", "this is a .trc recording; give the file itself to --input"),
        (".csv", "this is a .csv recording; give the file itself to --input"),
        (".log.gz", "this is gzipped; unpack it with 'gunzip' first"),
        (".log.bz2", "this is packed by bzip2; unpack it with 'bunzip2' first"),
        (".log.xz", "this is packed by xz; unpack it with 'unxz' first"),
    ],
)
def test_what_is_no_text_of_candump_through_a_pipe_is_named_in_one_line(
    log, tmp_path, suffix, found
):
    pack = {".log.gz": gzip.compress, ".log.bz2": bz2.compress, ".log.xz": lzma.compress}
    if suffix in pack:
        content = pack[suffix](log().read_bytes())
    else:
        path = tmp_path / f"x{suffix}"
        with can.Logger(path) as writer:
            for can_id, data, now in FRAMES:
                writer(can.Message(now, can_id, False, data=data))
        content = path.read_bytes()
        with path.open("rb") as file:
            redirected = piped(file=file)
        assert f"-: {found}\n" in redirected.stderr.decode()
        assert redirected.returncode == 1
    done = piped(content)
    assert (done.returncode, done.stdout) == (1, b"")
    assert f"-: {found}\n" in done.stderr.decode()
    assert "expected a line" not in done.stderr.decode()


def piped(content=None, file=None):
    """What the program says to these bytes, or to this file, on standard input."""
    source = {"stdin": file} if file else {"input": content}
    command = [sys.executable, str(MAIN), "--input", "-", "--output", "json"]
    return subprocess.run(command, capture_output=True, timeout=30, check=False, **source)


def test_bytes_that_are_reversed_end_with_1_and_one_line(run, log):
    lines = (
        f"  can0  {can_id:03X}   [8]  {'`'.join(f'{each:02X}' for each in reversed(data))}\n"
        for can_id, data, _ in FRAMES
    )
    done = run("--input", log(lines=lines), "--output", "json")
    assert (done.returncode, done.stdout) == (1, "")
    seen("a recording was made with candump -S or -i", done.stderr)
    assert "expected a line" not in done.stderr


def test_frames_of_a_second_bus_are_named(run, log):
    lines = [candump_line(each, bus) for each in FRAMES for bus in ("can0", "can1")]
    done = run("--input", log(lines=lines), "--output", "json")
    assert len(done.stdout.splitlines()) == 4
    seen("a recording has two buses", done.stderr)


def test_relative_times_of_a_pipe_are_those_of_arrival(run):
    before = round(time.time())
    done = run("--input", "-", "--output", "json", input="".join(gaps()))
    times = {each["time"] for line in done.stdout.splitlines() for each in json.loads(line)}
    assert times <= {*range(before, round(time.time()) + 1)}
    seen("relative times come through a pipe", done.stderr)
    given = run("--input", "-", "--output", "json", "--end", "2024-05-17", input="".join(gaps()))
    assert "-: --end is for a file; through a pipe, frames come now" in given.stderr
    assert given.returncode == 1


def test_a_pipe_is_not_paced_by_its_times(tmp_path, log):
    """A clock that is set while candump writes must not stop the reading."""
    half = len(FRAMES) // 2
    later = [(can_id, data, now + 31_536_000) for can_id, data, now in FRAMES[half:]]
    path = log(lines=map(candump_line, [*FRAMES[:half], *later]))
    command = shlex.join([sys.executable, str(MAIN), "--input", "-"])
    done = subprocess.run(
        ["bash", "-c", f"cat {path} | {command} --output table"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,  # of the year that a pace would wait for
        check=True,
    )
    assert f"frames: {len(FRAMES)}" in done.stderr


def test_check_reads_a_recording(run):
    done = run("check", "--input", LOG, "--output", "json")
    assert f"ok  {LOG}: 57 frames of 3 batteries over 1 s" in done.stdout
    assert done.returncode == 0
