"""Lines of files and pipes, in constant memory."""

from __future__ import annotations

import os
import time
from codecs import BOM_UTF8

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.sources.beginning import GZIP, refusal_of_lines
from eflexcan2mqtt.sources.lines import LONGEST, Lines


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("lines") / "x"


def may_be_lines(data):
    return not (data.startswith((GZIP, BOM_UTF8)) or refusal_of_lines(data))


@given(
    data=st.lists(st.tuples(st.binary(max_size=50), st.sampled_from([b"\n", b"\r\n", b"\r"])))
    .map(lambda lines: b"".join(map(b"".join, lines)))
    .filter(may_be_lines)
)
def test_a_file_is_its_lines(path, data):
    path.write_bytes(data)
    lines = Lines(str(path))
    assert list(lines) == data.splitlines()
    assert lines.position == lines.size == len(data)
    assert list(lines) == data.splitlines()  # and again
    lines.close()
    assert not lines.live


@pytest.mark.parametrize("length", [LONGEST, LONGEST + 1, 65_536, 300_000])
@pytest.mark.parametrize("end", [b"", b"\n", b"\nnext\n"])
def test_a_long_line_is_cut_and_the_next_is_whole(path, length, end):
    path.write_bytes(b"x" * length + end)
    first, *rest = Lines(str(path))
    assert first == b"x" * min(length, LONGEST + 1)
    assert rest == ([b"next"] if b"next" in end else [])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("length", range(65_532, 65_538))
def test_a_line_may_end_where_a_piece_of_the_file_was_read(path, end, length):
    path.write_bytes(b"x" * length + end + b"next" + end)
    assert list(Lines(str(path))) == [b"x" * (LONGEST + 1), b"next"]


@pytest.mark.parametrize("after", [b"", b"one\n"])
def test_a_byte_order_mark_is_no_part_of_a_line(path, after):
    path.write_bytes(BOM_UTF8 + after)
    assert list(Lines(str(path))) == after.splitlines()


def test_a_pipe_gives_none_for_each_second_without_a_line(path):
    fifo = str(path) + ".fifo"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR)  # with O_WRONLY it would wait for a reader
    os.write(writer, b"one\ntw")
    lines = Lines(fifo)
    assert lines.live
    read = iter(lines)
    begun = time.monotonic()
    assert [next(read) for _ in range(3)] == [b"one", None, None]
    assert time.monotonic() - begun >= 2
    os.write(writer, b"o\n")
    os.close(writer)
    assert list(read) == [b"two"]


def test_a_missing_file_is_an_error_with_its_name():
    with pytest.raises(FileNotFoundError) as caught:
        Lines("gone.log")
    assert caught.value.filename == "gone.log" or str(caught.value.filename) == "gone.log"


def test_a_directory_is_an_error_with_its_name(path):
    with pytest.raises(IsADirectoryError) as caught:
        list(Lines(str(path.parent)))
    assert str(caught.value.filename) == str(path.parent)
