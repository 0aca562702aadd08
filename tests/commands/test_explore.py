"""Recordings become a report, and a page in one file."""

from __future__ import annotations

import json
import re

import pytest

from eflexcan2mqtt.commands.explore import explore
from tests.support.bank import START
from tests.support.planted import PLANTED, planted, records, write
from tests.support.program import LOG


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write(tmp_path_factory.mktemp("explore") / "bank.log", planted(1, 2, 1200))


def test_the_command_prints_claims_first_and_writes_a_page(run, recording, tmp_path):
    page = tmp_path / "unknown.html"
    done = run("explore", recording, "--html", page)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("2400 readings of 2 batteries, software 4006, 2024-05-1")
    claims = [line for line in lines if re.match(r" +\d\. ", line)]
    assert sorted(re.sub(r" +\d\. | (changes|is) .*", "", line) for line in claims) == sorted(
        PLANTED
    )
    assert lines[-1] == f"{page}: the same with charts; it needs no network"
    html = page.read_text()
    assert not re.search(r"""(src|href)=["']?https?:|@import|url\(""", html)
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])
    assert sorted(each["title"] for each in data["claims"]) == sorted(PLANTED)
    assert all(each["chart"]["time"] for each in data["claims"])
    assert len(data["bytes"]) > 30


def test_recordings_are_looked_at_together(tmp_path):
    sent = list(planted(2, 1, 200))
    parts = [write(tmp_path / f"{at}.log", sent[at * 100 :][:100]) for at in range(2)]
    first, *_ = explore([str(each) for each in parts], None, None)
    assert first.text.startswith("200 readings of 1 batteries")


def test_relative_times_are_taken_with_their_end(tmp_path):
    sent = [each._replace(time=each.time - START) for each in records(2, 1, 100)]
    first, *_ = explore([str(write(tmp_path / "a.log", sent))], START, None)
    assert first.good
    assert ", 2024-05-1" in first.text


def test_a_wrong_recording_is_named_and_does_not_keep_the_others_out(tmp_path):
    nonsense, cut = tmp_path / "nonsense.log", tmp_path / "cut.log"
    nonsense.write_text("nonsense\n")
    cut.write_text("".join(LOG.read_text().splitlines(keepends=True)[:5]))
    wrong = [str(tmp_path / "none.log"), str(nonsense), str(cut)]
    found = list(explore([*wrong, str(LOG)], None, None))
    assert [each.good for each in found[:4]] == [False, False, False, True]
    assert found[0].text == f"{tmp_path}/none.log: No such file or directory"
    assert "no frame of a battery" in found[1].text
    assert "no complete burst of a battery in 5 frames" in found[2].text
    assert not any(each.good for each in explore(wrong, None, None))


def test_what_two_recordings_have_in_common_counts_once(tmp_path):
    sent = list(planted(2, 1, 200))
    parts = [write(tmp_path / f"{at}.log", sent[at:][:150]) for at in (0, 50)]
    notice, first, *_ = explore([str(each) for each in (*parts,)], None, None)
    assert notice.text == (
        f"{parts[1]}: left out 100 readings, for a recording before it has the same batteries at "
        "the same times\n"
    )
    assert first.text.startswith("200 readings of 1 batteries")
    _, first, *_ = explore([str(parts[0])] * 2, None, None)
    assert first.text.startswith("150 readings of 1 batteries")


@pytest.mark.parametrize(
    ("name", "problem"), [("bank.log", "File exists"), ("gone/x.html", "No such file or directory")]
)
def test_a_page_that_cannot_be_is_refused_before_anything_is_read(run, tmp_path, name, problem):
    recording = write(tmp_path / "bank.log", records(2, 1, 10))
    before = recording.read_bytes()
    done = run("explore", recording, "--html", tmp_path / name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"{tmp_path / name}: {problem}\n")
    assert recording.read_bytes() == before


def test_a_page_that_cannot_be_written_is_named(tmp_path):
    page = tmp_path / ("x" * 300)
    with pytest.raises(OSError, match="File name too long") as failed:
        list(explore([str(LOG)], None, page))
    assert failed.value.filename == str(page)
    assert list(tmp_path.iterdir()) == []
