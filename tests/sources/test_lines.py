"""Lines of files and pipes, in constant memory."""

from __future__ import annotations

import os
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.sources.lines import LONGEST, Lines


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("lines") / "x"


def is_not_gzipped(data):
    return not data.startswith(b"\x1f\x8b")


@given(data=st.lists(st.binary(max_size=50)).map(b"\n".join).filter(is_not_gzipped))
def test_a_file_is_its_lines(path, data):
    path.write_bytes(data)
    lines = Lines(str(path))
    assert b"\n".join(lines) == data.removesuffix(b"\n")
    assert lines.position == lines.size == len(data)
    assert b"\n".join(lines) == data.removesuffix(b"\n")  # and again
    lines.close()
    assert not lines.live


@pytest.mark.parametrize("length", [LONGEST, LONGEST + 1, 65_536, 300_000])
@pytest.mark.parametrize("end", [b"", b"\n", b"\nnext\n"])
def test_a_long_line_is_cut_and_the_next_is_whole(path, length, end):
    path.write_bytes(b"x" * length + end)
    first, *rest = Lines(str(path))
    assert first == b"x" * min(length, LONGEST + 1)
    assert rest == ([b"next"] if b"next" in end else [])


def test_a_pipe_gives_none_for_each_second_without_a_line(path):
    fifo = str(path) + ".fifo"
    os.mkfifo(fifo)

    def write():
        with open(fifo, "wb", buffering=0) as file:  # noqa: PTH123
            file.write(b"one\ntw")
            time.sleep(2.5)
            file.write(b"o\n")

    thread = threading.Thread(target=write)
    thread.start()
    lines = Lines(fifo)
    assert lines.live
    assert list(lines) == [b"one", None, None, b"two"]
    thread.join()


def test_a_missing_file_is_an_error_with_its_name():
    with pytest.raises(FileNotFoundError) as caught:
        Lines("gone.log")
    assert caught.value.filename == "gone.log" or str(caught.value.filename) == "gone.log"


def test_a_directory_is_an_error_with_its_name(path):
    with pytest.raises(IsADirectoryError) as caught:
        list(Lines(str(path.parent)))
    assert str(caught.value.filename) == str(path.parent)
