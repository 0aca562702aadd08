"""The recorder's thread: whole files at any moment, and a bad disk stops nothing."""

from __future__ import annotations

import gzip
import logging

from eflexcan2mqtt.protocol.blocks import BATTERIES
from eflexcan2mqtt.protocol.triggers import Learned
from eflexcan2mqtt.sinks.recorder.folder import recordings
from eflexcan2mqtt.sinks.recorder.writer import LEARNED, RecordingsWriter
from tests.support.bank import candump_line, decoded, sent
from tests.support.broker import wait_until
from tests.support.faults import seen
from tests.support.small_disk import fill

from .writing import NAME, TRIGGER, part, writing

LATER = 60.0


def lines(path):
    return gzip.decompress(path.read_bytes()).decode()


def test_a_recording_is_whole_at_its_beginning_and_at_its_end(tmp_path):
    before, after = sent(5), sent(5, 1_715_987_139.0 + LATER)
    with writing(tmp_path, anonymize=False) as writer:
        writer.queue.put(part(before, last=False))
        wait_until((tmp_path / NAME).exists, "the first part")
        assert lines(tmp_path / NAME) == "".join(map(candump_line, before))
        writer.queue.put(part(after))
    assert lines(tmp_path / NAME) == "".join(map(candump_line, before + after))
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_each_recording_is_one_line_of_the_log(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with writing(tmp_path) as writer:
        writer.queue.put(part(sent(5), last=False))
        writer.queue.put(part(sent(5, 1_715_987_139.0 + LATER)))
    assert caplog.messages == [f"recording {NAME}: {TRIGGER.text}"]


def test_serial_numbers_are_replaced_by_those_of_the_battery_number(tmp_path):
    frames = [*sent(5, battery_id="2211054F9999"), *sent(6, battery_id="2211054F9998")]
    with writing(tmp_path) as writer:
        writer.queue.put(part(frames))
    text = lines(tmp_path / NAME)
    shown = [
        (int(can_id, 16), bytes.fromhex(data), float(time[1:-1]))
        for time, _, frame in map(str.split, text.splitlines())
        for can_id, data in [frame.split("#")]
    ]
    [cycle] = decoded(shown)
    assert [each["battery_id"] for each in cycle] == ["2200000F0005", "2200000F0006"]
    [expected] = decoded(frames)
    differ = {
        key for old, new in zip(expected, cycle, strict=True) for key in old if old[key] != new[key]
    }
    assert differ == {"battery_id", "raw_status"}


def test_two_batteries_with_one_number_keep_two_serial_numbers(tmp_path):
    frames = [*sent(5, battery_id="2211054F9999"), *sent(5, battery_id="2211054F9998")]
    with writing(tmp_path) as writer:
        writer.queue.put(part(frames, last=False))
        writer.queue.put(part(frames))
    serials = [
        line.split("#")[1] for line in lines(tmp_path / NAME).splitlines() if "105#08" in line
    ]
    assert len(serials) == 4
    assert serials[:2] == serials[2:]
    assert len(set(serials)) == 2


def test_no_serial_number_is_that_of_another_battery(tmp_path):
    frames = [
        frame
        for battery in BATTERIES
        for serial in ("2211054F9999", f"22110{battery % 10}4G9998")
        for frame in sent(battery, battery_id=serial)
    ]
    with writing(tmp_path) as writer:
        writer.queue.put(part(frames))
    serials = [
        line.split("#")[1]
        for line in lines(tmp_path / NAME).splitlines()
        if "#08" in line and " can0 1" in line
    ]
    assert len(set(serials)) == 2 * len(BATTERIES)


def test_a_name_that_is_there_is_not_overwritten(tmp_path):
    with writing(tmp_path) as writer:
        for at in range(3):
            writer.queue.put(part(sent(1, 100.0 + at)))
    names = [each.name for each in recordings(tmp_path)]
    stem = NAME.removesuffix(".log.gz")
    assert sorted(names) == [f"{stem}-1.log.gz", f"{stem}-2.log.gz", NAME]


def test_the_oldest_gives_way_and_that_is_logged(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with writing(tmp_path) as writer:
        writer.queue.put(part(sent(1)))
    enough_for_one = 1.5e-6 * (tmp_path / NAME).stat().st_size
    with writing(tmp_path, max_mb=enough_for_one) as writer:
        writer.queue.put(part(sent(2), name=NAME.replace("29T", "30T")))
    assert [each.name for each in recordings(tmp_path)] == [NAME.replace("29T", "30T")]
    assert f"deleted {NAME}, for {NAME.replace('29T', '30T')}" in caplog.messages


def test_without_room_nothing_is_written_and_that_is_logged(tmp_path, caplog):
    with writing(tmp_path, max_mb=0.0001) as writer:
        writer.queue.put(part(sent(1), last=False))
        writer.queue.put(part(sent(1)))
    assert recordings(tmp_path) == []
    assert caplog.messages == [
        f"{tmp_path / NAME}: no room below [recorder] max_mb; not recorded: {TRIGGER.text}"
    ]
    seen("a recording does not fit below `[recorder]` max_mb", caplog.text)


def test_a_disk_that_fails_at_the_beginning_may_work_at_the_end(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    folder = tmp_path / "kept"
    folder.write_text("no folder")
    writer = RecordingsWriter(folder, 200.0, anonymize=False)
    for job in (part(sent(1), last=False), part(sent(2))):
        writer.queue.put(job)
        writer.queue.put(None)
        writer.run()
        if folder.is_file():
            folder.unlink()
    assert lines(folder / NAME) == "".join(map(candump_line, [*sent(1), *sent(2)]))
    assert caplog.messages[-1] == f"recording {NAME}: {TRIGGER.text}"


def test_a_full_disk_stops_nothing(small_disk, caplog):
    folder, filler = small_disk
    fill(filler)
    with writing(folder) as writer:
        writer.queue.put(part(sent(1)))
        writer.queue.put(Learned(seconds=1))
        writer.queue.put(Learned(seconds=2))
    assert caplog.messages == [
        f"{folder / NAME}: No space left on device; not recorded: {TRIGGER.text}",
        f"{folder / LEARNED}: No space left on device; what is usual is learned anew after the "
        "next start",
    ]
    seen("a recording of something unusual cannot be written", caplog.text)
    seen("what the recorder has learned cannot be written", caplog.text)
    assert not (folder / NAME).exists()


def test_what_a_killed_run_has_left_is_removed(tmp_path):
    (tmp_path / "2026-11-29T031502-relay-battery-5.log.new").write_bytes(b"half")
    with writing(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_ends_nothing(tmp_path, caplog):
    folder = tmp_path / ("x" * 300)
    with writing(folder) as writer:
        writer.queue.put(part(sent(1), last=False))
        writer.queue.put(part(sent(1)))
    assert caplog.messages[-1] == (
        f"{folder / NAME}: File name too long; not recorded: {TRIGGER.text}"
    )
    assert list(writer.lost) == ["relay"]


def test_a_disk_that_fails_at_the_end_leaves_the_beginning(small_disk, caplog):
    folder, filler = small_disk
    with writing(folder) as writer:
        writer.queue.put(part(sent(1), last=False))
        wait_until((folder / NAME).exists, "the beginning")
        fill(filler)
        writer.queue.put(part(sent(2)))
    assert len(lines(folder / NAME).splitlines()) == len(sent(1))
    assert caplog.messages == [
        f"{folder / NAME}: No space left on device; its last minute is missing: {TRIGGER.text}"
    ]
    seen("the disk fails in the minute after something unusual", caplog.text)
    assert not writer.lost
