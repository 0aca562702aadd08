"""Recordings in the formats of other programs hold the same arrays as one by candump."""

from __future__ import annotations

import gzip
import logging
import subprocess
import sys

import pytest

from eflexcan2mqtt.sources import formats
from tests.support.bank import START, candump_line, frames_of, published
from tests.support.formats import (
    BANK,
    WRITERS,
    candump,
    gvret,
    gvret_header,
    message,
    payloads,
)
from tests.support.program import MAIN


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", [*WRITERS, "gvret"])
def test_a_recording_holds_the_same_arrays_as_one_by_candump(recordings, opened, name, zipped):
    content = recordings[name]
    reader = opened(gzip.compress(content) if zipped else content, f"x.{name}")
    arrays = published(frames_of(reader), "experimental")
    assert arrays == published(candump(), "experimental")
    assert len(arrays) == 4
    assert reader.damaged == 0
    assert reader.position == reader.size


@pytest.mark.parametrize(
    ("name", "absolute"),
    [("asc", True), ("blf", True), ("csv", None), ("trc", True), ("gvret", None)],
)
def test_it_is_told_whether_times_are_absolute(recordings, opened, name, absolute):
    reader = opened(recordings[name])
    first = next(iter(reader))
    assert reader.absolute is absolute
    assert first.stamp == pytest.approx(START, abs=0.001)


def test_each_iteration_begins_at_the_beginning(recordings, opened):
    for content in recordings.values():
        reader = opened(content)
        next(iter(reader))
        assert list(reader) == list(reader)


@pytest.mark.parametrize("name", ["asc", "blf", "trc"])
@pytest.mark.parametrize("since", [0.0, 331.42])
def test_times_that_only_count_from_a_start_are_told_as_such(opened, tmp_path, name, since):
    with WRITERS[name](tmp_path / "written") as writer:
        for can_id, data, stamp in BANK:
            writer.on_message_received(message((can_id, data, stamp - START + since)))
    reader = opened((tmp_path / "written").read_bytes())
    logged = list(reader)
    assert not reader.absolute
    assert payloads(frames_of(logged)) == payloads(BANK)
    assert logged[-1].stamp - logged[0].stamp == pytest.approx(BANK[-1][2] - START, abs=0.001)


@pytest.mark.parametrize("name", ["asc", "blf", "csv"])
def test_what_is_no_data_frame_is_told_as_what_it_is(opened, tmp_path, name):
    kinds = {
        "data": {},
        "remote": {"is_remote_frame": True, "data": None, "dlc": 8},
        "error": {"is_error_frame": True, "data": None, "dlc": 0},
        "fd": {"is_fd": True},
    }
    if name == "csv":
        del kinds["fd"]  # its format has none
    with WRITERS[name](tmp_path / "written") as writer:
        for changes in kinds.values():
            writer.on_message_received(message(BANK[0], **changes))
        writer.on_message_received(message(BANK[0], is_extended_id=True))
    reader = opened((tmp_path / "written").read_bytes())
    *logged, extended = reader
    assert [each.kind for each in logged] == list(kinds)
    assert (extended.extended, extended.can_id) == (True, 0x101)
    assert reader.damaged == 0


def test_buses_are_told_apart(opened, tmp_path):
    for name in ("asc", "blf", "trc"):
        with WRITERS[name](tmp_path / "written") as writer:
            for channel in (0, 1):
                writer.on_message_received(message(BANK[0], channel=channel))
        first, second = opened((tmp_path / "written").read_bytes())
        assert first.bus != second.bus


# How a name lies


@pytest.mark.parametrize("name", ["x.log", "x.csv", "x.asc", "x.blf.gz", "x"])
def test_the_content_decides_not_the_name(recordings, opened, name):
    for content in recordings.values():
        assert payloads(frames_of(opened(content, name))) == payloads(BANK)


@pytest.mark.parametrize("name", ["x.log", "x.csv", "x.asc", "x.trc", "x.blf", "x.log.gz"])
def test_a_recording_by_candump_is_none_of_these(opened, name):
    assert opened("".join(map(candump_line, BANK)), name) is None
    assert opened("  can0  101   [8]  01 01 0E 02 13 FF FD 47\n", name) is None
    assert opened(" (000.1)  can0  101   [8]  01 01 0E 02 13 FF FD 47\n", name) is None


def test_what_has_none_of_these_formats_has_no_reader(opened, tmp_path):
    for content in ("", "hello\n", "ID,Data Bytes\n101,01 02\n", b"\0" * 5000, b"\x1f\x8b\x08"):
        assert opened(content, "x.csv") is None
    assert formats.reader(tmp_path) is None
    assert formats.reader(tmp_path / "gone.asc") is None


def test_a_file_that_is_gone_is_an_error_with_its_name(recordings, opened, tmp_path):
    reader = opened(recordings["asc"])
    (tmp_path / "x").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        list(reader)
    assert caught.value.filename == str(tmp_path / "x")


def test_python_can_logs_nothing_of_its_own(recordings, opened, caplog):
    caplog.set_level(logging.WARNING)
    lines = recordings["trc"].splitlines(keepends=True)
    lines[40] = b"    22  20.0 DT\n"
    list(opened(b"".join(lines)))
    assert {each.name.split(".")[0] for each in caplog.records} == {"eflexcan2mqtt"}


def test_what_is_not_needed_is_not_imported(tmp_path):
    """python-can takes 18 MB: a recording by candump or SavvyCAN does without it."""
    (tmp_path / "x.log").write_text("".join(map(candump_line, BANK)))
    (tmp_path / "x.csv").write_text(gvret_header() + "".join(map(gvret, BANK)))
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from eflexcan2mqtt.sources import formats\n"
        "assert formats.reader(Path(sys.argv[1])) is None\n"
        "assert len(list(formats.reader(Path(sys.argv[2])))) == 216\n"
        "assert 'can' not in sys.modules"
    )
    arguments = [sys.executable, "-c", program, tmp_path / "x.log", tmp_path / "x.csv"]
    subprocess.run(arguments, check=True, cwd=MAIN.parent)
