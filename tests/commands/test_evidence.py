"""`eflexcan2mqtt evidence` prints how often recordings kept each rule, and the exceptions."""

from __future__ import annotations

import gzip
import json
from typing import get_type_hints

import pytest

from eflexcan2mqtt.commands.evidence import evidence
from eflexcan2mqtt.protocol.evidence.report import (
    RecordingReport,
    Report,
    RuleReport,
    ShownException,
)
from eflexcan2mqtt.protocol.evidence.rules import RULES
from tests.support.bank import CAPTURES, START, candump_line, sent
from tests.support.program import LOG

LOSSY = CAPTURES / "lost_frames.log"


@pytest.fixture
def told():
    """The findings of the command."""

    def told(*names, as_json=False):
        return list(evidence([str(name) for name in names], None, as_json))

    return told


def test_each_rule_has_its_counts_and_exceptions_have_time_and_frames(told):
    [found] = told(LOSSY)
    first, *lines = found.text.splitlines()
    assert found.good
    assert first == f"{LOSSY}: 214 frames, 10 complete bursts; batteries 1, 2, 3, 4; software 4006"
    assert "        12/12  battery_number is the number in the id" in lines
    assert "    never met  charge_current_limit is 0 A at SOC 98 and above" in lines
    at = lines.index(
        "      204/206  a frame has the marker that follows that of the frame before it"
    )
    assert lines[at + 1 : at + 4] == [
        f"               - {LOSSY}, battery 2, 2024-05-17T23:05:39Z",
        "                 (1715987139.014413) can0 102#040CE8010CE70864",
        "                 (1715987139.015285) can0 102#060211FFFF000018",
    ]


def test_each_rule_has_a_line(told):
    [found] = told(LOSSY)
    lines = found.text.splitlines()[1:]
    assert [line[15:] for line in lines if line[13:15] == "  " and line[15] not in "- "] == [
        rule.sentence for rule in RULES
    ]


def test_json_has_what_its_types_say(told):
    [found] = told(LOSSY, as_json=True)
    report = json.loads(found.text)
    [recording] = report["recordings"]
    broken = [each for each in report["rules"] if each["exceptions"]]
    for shown, shape in (
        (report, Report),
        (recording, RecordingReport),
        *((each, RuleReport) for each in report["rules"]),
        *((each, ShownException) for rule in broken for each in rule["exceptions"]),
    ):
        assert list(shown) == list(get_type_hints(shape))
    assert [each["rule"] for each in report["rules"]] == [rule.sentence for rule in RULES]
    assert [len(each["exceptions"]) for each in broken] == [2]


def test_several_recordings_are_counted_together(told):
    [found] = told(LOSSY, LOG, as_json=True)
    report = json.loads(found.text)
    assert [each["recording"] for each in report["recordings"]] == [str(LOSSY), str(LOG)]
    number, *_ = report["rules"]
    assert (number["rule"], number["held"]) == ("battery_number is the number in the id", 12 + 4)


def test_a_recording_that_is_given_twice_counts_once_and_that_is_said(told):
    [found] = told(LOSSY, LOSSY)
    first, second, notice, *_ = found.text.splitlines()
    assert first.startswith(f"{LOSSY}: 214 frames, 10 complete bursts; batteries 1, 2, 3, 4; ")
    assert second == f"{LOSSY}: 214 frames, 0 complete bursts; batteries none; software unknown"
    assert notice == (
        f"{LOSSY}: left out 10 readings, for a recording before it has the same batteries at the "
        "same times"
    )
    assert "        12/12  battery_number is the number in the id" in found.text.splitlines()


def test_a_recording_that_cannot_be_read_does_not_stop_the_others(told, tmp_path):
    missing = tmp_path / "missing.log"
    bad, found = told(missing, LOSSY)
    assert bad == (False, f"{missing}: No such file or directory")
    assert found.text.startswith(f"{LOSSY}: ")


def test_a_recording_without_a_burst_is_a_bad_finding(told, tmp_path):
    path = tmp_path / "part.log"
    path.write_text("".join(map(candump_line, sent(1)[:5])))
    assert told(path) == [(False, f"{path}: no complete burst of a battery in 5 frames")]
    bad, report = told(path, as_json=True)
    assert not bad.good
    assert json.loads(report.text)["recordings"][0]["bursts"] == 0, "JSON is always one object"


def test_undecodable_bursts_are_named(told, tmp_path):
    path = tmp_path / "odd.log"
    frames = [*sent(1), *sent(2, START + 0.02, hardware_version="\x01")]
    path.write_text("".join(map(candump_line, frames)))
    [found] = told(path)
    assert found.text.splitlines()[0] == (
        f"{path}: 36 frames, 1 complete bursts, 1 undecodable; batteries 1; software 4006"
    )


def test_what_can_be_read_of_a_damaged_recording_counts(told, tmp_path):
    path = tmp_path / "cut.log.gz"
    lines = "".join(candump_line(each) for at in range(500) for each in sent(1, START + at))
    path.write_bytes(gzip.compress(lines.encode())[:-2000])
    [found] = told(path)
    assert found.good
    assert " complete bursts; batteries 1; software 4006\n" in found.text


def test_exceptions_are_no_failure(run):
    """They are what one looks for; a recording that cannot be read is a failure."""
    done = run("evidence", LOG)
    assert (done.stderr, done.returncode) == ("", 0)
    assert "0/3  state_of_health is 100 %" in done.stdout
    done = run("evidence", "missing.log", LOG)
    assert (done.stderr, done.returncode) == ("missing.log: No such file or directory\n", 1)
    assert "0/3  state_of_health is 100 %" in done.stdout


def test_it_reads_a_pipe_and_needs_no_ini(run, tmp_path):
    (tmp_path / "eflexcan2mqtt.ini").write_text("[mqtt]\nport = x\n")
    done = run("evidence", "--json", "-", input=LOSSY.read_text())
    assert (done.stderr, done.returncode) == ("", 0)
    assert json.loads(done.stdout)["recordings"][0]["bursts"] == 10


def test_a_recording_with_relative_times_can_be_given_its_end(run, tmp_path):
    relative = tmp_path / "relative.log"
    frames = [(can_id, data, time - START) for can_id, data, time in sent(1)]
    relative.write_text("".join(map(candump_line, frames)))
    done = run("evidence", "--json", "--end", "1715987139", relative)
    assert (done.stderr, done.returncode) == ("", 0)
    done = run("evidence", relative)
    assert "say when with --end" in done.stderr
