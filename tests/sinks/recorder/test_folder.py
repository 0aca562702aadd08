"""The files of the recorder: their names, and which of them give way."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.triggers import KINDS
from eflexcan2mqtt.sinks.recorder.folder import (
    RANKS,
    NoRoomError,
    make_room,
    name_of,
    recordings,
)

MOMENT = datetime(2026, 11, 29, 3, 15, 2).timestamp()


@pytest.fixture
def keep(tmp_path):
    """Makes recordings of 100 bytes, by the days of their triggers."""

    def keep(*kinds):
        names = [
            name_of(MOMENT + day * 86_400, f"{kind}-battery-3") for day, kind in enumerate(kinds)
        ]
        for name in names:
            (tmp_path / name).write_bytes(b"x" * 100)
        return names

    return keep


def left(folder):
    return [each.kind for each in recordings(folder)]


def test_the_name_has_the_time_and_the_reason():
    assert name_of(MOMENT, "relay-battery-5") == "2026-11-29T031502-relay-battery-5.log.gz"


def test_a_name_is_read_as_it_was_written(tmp_path, keep):
    keep("alarm-1")
    [found] = recordings(tmp_path)
    assert found == (
        "2026-11-29T031502-alarm-1-battery-3.log.gz",
        datetime(2026, 11, 29, 3, 15, 2),
        *("alarm-1", "alarm-1-battery-3", 100),
    )


def test_without_a_folder_there_are_none(tmp_path):
    assert recordings(tmp_path / "missing") == []


@pytest.mark.parametrize(
    "name",
    [
        *("history.db", "2026-11-29T031502-relay.log", "2026-11-29T031502-other.log.gz"),
        *("2026-11-29T031502-relay.log.new", "2026-99-99T999999-relay.log.gz"),
    ],
)
def test_other_files_are_none_of_ours(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    (tmp_path / "2026-11-29T031502-relay-folder.log.gz").mkdir()
    (tmp_path / "2026-11-29T031502-relay-link.log.gz").symlink_to(tmp_path / name)
    assert recordings(tmp_path) == []
    with pytest.raises(NoRoomError):
        make_room(tmp_path, "", 10, 5, "relay")
    assert (tmp_path / name).exists()


def test_the_oldest_of_lower_rank_give_way_first(tmp_path, keep):
    keep("relay", "byte", "current", "alarm-3", "byte")
    assert make_room(tmp_path, "", 150, 450, "relay")
    assert left(tmp_path) == ["relay", "alarm-3", "byte"]
    assert make_room(tmp_path, "", 200, 300, "alarm-1")
    assert left(tmp_path) == ["relay"]
    assert make_room(tmp_path, "", 200, 200, "alarm-1")
    assert left(tmp_path) == []


def test_mild_alarms_do_not_displace_the_others(tmp_path, keep):
    keep("relay", "alarm-1", "alarm-2", "alarm-3")
    assert make_room(tmp_path, "", 100, 400, "alarm-3")
    assert left(tmp_path) == ["relay", "alarm-1", "alarm-2"]
    with pytest.raises(NoRoomError):
        make_room(tmp_path, "", 100, 300, "alarm-3")
    assert make_room(tmp_path, "", 100, 300, "alarm-2")
    assert left(tmp_path) == ["relay", "alarm-1"]


def test_a_recording_makes_no_room_for_itself(tmp_path, keep):
    [own] = keep("relay")
    assert make_room(tmp_path, own, 200, 200, "relay") == []
    assert left(tmp_path) == ["relay"]


def test_a_name_says_whether_serial_numbers_are_real(tmp_path):
    (tmp_path / name_of(MOMENT, "relay-battery-5", anonymous=False)).write_bytes(b"")
    (tmp_path / name_of(MOMENT, "relay-battery-6")).write_bytes(b"")
    assert [each.has_serials for each in recordings(tmp_path)] == [True, False]


def test_alarms_and_relays_never_give_way_to_others(tmp_path, keep):
    keep("relay", "byte", "alarm-3")
    with pytest.raises(NoRoomError):
        make_room(tmp_path, "", 101, 300, "byte")
    assert left(tmp_path) == ["relay", "byte", "alarm-3"]
    assert make_room(tmp_path, "", 100, 300, "current") == [
        "2026-11-30T031502-byte-battery-3.log.gz",
    ]


def test_what_is_too_large_deletes_nothing(tmp_path, keep):
    keep("byte", "relay")
    with pytest.raises(NoRoomError):
        make_room(tmp_path, "", 1000, 999, "relay")
    assert left(tmp_path) == ["byte", "relay"]


@given(
    st.lists(st.sampled_from(KINDS), max_size=8),
    st.integers(0, 400),
    st.integers(0, 1000),
    st.sampled_from(KINDS),
)
def test_there_is_room_or_nothing_is_deleted(tmp_path_factory, kinds, size, most, kind):
    folder = tmp_path_factory.mktemp("kept")
    for day, each in enumerate(kinds):
        (folder / name_of(MOMENT + day * 86_400, each)).write_bytes(b"x" * 100)
    before = recordings(folder)
    try:
        gone = make_room(folder, "", size, most, kind)
    except NoRoomError:
        assert recordings(folder) == before
        kept = [each for each in before if RANKS.get(each.kind, 0) > RANKS.get(kind, 0)]
        assert size + sum(each.size for each in kept) > most
    else:
        after = recordings(folder)
        assert size + sum(each.size for each in after) <= most or not gone
        assert {each.name for each in before} == {*gone, *(each.name for each in after)}
        ranks = [RANKS.get(each.kind, 0) for each in before if each.name in gone]
        assert all(rank <= RANKS.get(kind, 0) for rank in ranks)
