"""What cannot be anonymized is refused: it says why, and writes nothing."""

from __future__ import annotations

import gzip
import os

import can
import pytest

from tests.support.bank import START
from tests.support.faults import seen
from tests.support.program import LOG

from .test_anonymize import SERIAL


@pytest.fixture
def refused(run, tmp_path):
    """What the program says of this content; it must write nothing."""

    def refused(content, name="in.log"):
        (tmp_path / name).write_bytes(content)
        done = run("--anonymize", name, "out.log")
        assert (done.returncode, done.stdout) == (1, "")
        assert [each.name for each in tmp_path.iterdir()] == [name]
        return done.stderr

    return refused


def test_a_recording_in_another_format_is_refused(refused, tmp_path):
    path = tmp_path / "x.asc"
    with can.ASCWriter(path) as writer:
        writer.on_message_received(can.Message(START, 0x101, False, data=bytes(8)))
    said = refused(path.read_bytes(), "x.asc")
    assert said == (
        "x.asc: only recordings by candump can be anonymized; record with 'candump -L'\n"
    )
    seen("a recording in another format is to be anonymized", said)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused(refused, encoding):
    said = refused(LOG.read_text().encode(encoding))
    seen("a recording is UTF-16 text", said)


def test_a_cut_gzipped_recording_is_refused(refused):
    said = refused(gzip.compress(LOG.read_bytes())[:-100], "in.log.gz")
    assert said == (
        "in.log.gz: the gzipped file is cut or damaged; 'zcat' gives what is before that\n"
    )
    seen("a gzipped recording that is cut is to be anonymized", said)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "line of candump"),
        (b"hello\nworld\n", "line of candump"),
        (b"  can0  101   [8]  BB`03`46`75`00`11`22`08\n", "line of candump"),
        (b"(1.0) can0 101#01010E0213FFFD47\n", "serial number"),
        (b"(1.0) can0 101#0800000000000000\n", "serial number"),
        (f"(1.0) can0 305#08{SERIAL}\n".encode(), "serial number"),
    ],
)
def test_a_recording_without_a_serial_number_is_refused(refused, content, what):
    said = refused(content)
    assert said == f"in.log: no {what} in it; out.log was not written\n"
    if what == "serial number":
        seen("a recording without a serial number is to be anonymized", said)


def test_a_pipe_is_refused(refused, run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    done = run("--anonymize", "pipe", "out.log")
    assert (done.returncode, done.stdout) == (1, "")
    assert "pipe: it has to be read twice" in done.stderr


def test_a_missing_recording_is_an_error_with_its_name(run, tmp_path):
    done = run("--anonymize", "gone.log", "out.log")
    assert (done.returncode, done.stdout) == (1, "")
    assert "gone.log: No such file or directory" in done.stderr
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over(run, tmp_path):
    (tmp_path / "there.log").write_text("mine\n")
    done = run("--anonymize", LOG, "there.log")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there.log: File exists" in done.stderr
    assert (tmp_path / "there.log").read_text() == "mine\n"
