"""What convert refuses, and that nothing half written is left behind."""

from __future__ import annotations

import os
import signal

import pytest

from eflexcan2mqtt.command_line.texts import LONGEST_S
from eflexcan2mqtt.commands.convert import convert
from eflexcan2mqtt.sources import RECORDING, WRITABLE, Input
from tests.support.broker import wait_until
from tests.support.faults import seen
from tests.support.program import LOG
from tests.support.small_disk import fill


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("simulator", "x.log", "--seconds", "0"),
            f"expected a whole number from 1 to {LONGEST_S}",
        ),
        (("simulator", "x.log", "--seconds", str(LONGEST_S + 1)), "expected a whole number"),
        (("simulator", "x.log", "--seconds", "1.5"), "expected a whole number"),
        (("simulator", "x.log", "--end", "2024-05-17"), "--end is for a recording"),
        (("simulator:16", "x.log"), "expected 1 to 15 batteries"),
        ((LOG, "x.log", "--seconds", "5"), "--seconds is for the simulator"),
        (("can", "x.log"), "'can': expected a recording or the simulator, not a bus"),
        ((LOG,), "the following arguments are required: OUT"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(run, tmp_path, arguments, words):
    done = run("convert", *arguments)
    assert (done.returncode, words in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def refused(run, tmp_path):
    """What the program says; it must write nothing."""

    def refused(*arguments):
        before = {each: each.read_bytes() for each in tmp_path.iterdir() if each.is_file()}
        done = run("convert", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        after = {each: each.read_bytes() for each in tmp_path.iterdir() if each.is_file()}
        assert after == before
        return done.stderr

    return refused


@pytest.mark.parametrize("name", ["x", "x.txt", "x.log.bz2", "x.blf.gz", "x.db", "log"])
def test_an_unknown_format_is_refused(refused, name):
    said = refused(LOG, name)
    assert said == f"{name}: expected a name that ends in .log, .log.gz, .asc, .blf, .csv, .trc\n"
    seen("convert: the name of the new file does not say its format", said)


def test_nothing_is_written_over(refused, tmp_path):
    (tmp_path / "there.log").write_bytes(LOG.read_bytes())
    assert "there.log: File exists" in refused(LOG, "there.log")
    assert "there.log: File exists" in refused("there.log", "there.log")
    seen("convert: there is a file of that name", refused("there.log", "there.log"))


def test_a_missing_recording_or_folder_is_an_error_with_its_name(refused):
    assert refused("gone.log", "out.log") == "gone.log: No such file or directory\n"
    assert refused(LOG, "gone/out.log") == "gone/out.log: No such file or directory\n"


@pytest.mark.parametrize("suffix", WRITABLE)
def test_what_is_no_recording_is_refused(tmp_path, suffix):
    nonsense = tmp_path / "nonsense.log"
    nonsense.write_text("nonsense\n")
    with pytest.raises(OSError, match="no frame of a battery") as caught:
        convert(Input(RECORDING, str(nonsense)), tmp_path / f"out{suffix}", 0, None)
    assert caught.value.filename == str(nonsense)
    assert list(tmp_path.iterdir()) == [nonsense]


def test_a_pipe_is_refused(refused, tmp_path):
    assert refused("-", "out.log") == ("-: expected a file; record with 'candump -L' first\n")


@pytest.mark.parametrize("room", [0, 65_536])
@pytest.mark.parametrize("suffix", WRITABLE)
def test_a_full_disk_leaves_no_file(run, small_disk, suffix, room):
    """At the end, or while it is written."""
    folder, filler = small_disk
    fill(filler)
    os.truncate(filler, filler.stat().st_size - room)
    done = run("convert", "simulator" if room else LOG, folder / f"out{suffix}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{folder}/out{suffix}: No space left on device\n"
    assert list(folder.iterdir()) == [filler]
    seen("convert: the disk is full", done.stderr)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_no_file(start, tmp_path, number):
    process = start("convert", "simulator", "bank.log", "--seconds", str(LONGEST_S))
    wait_until(lambda: list(tmp_path.glob(".unfinished*")))
    process.send_signal(number)
    assert process.wait(timeout=20) == 130
    assert list(tmp_path.iterdir()) == []
