"""What the README, the pages of docs/ and the change log say is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from eflexcan2mqtt import __version__
from eflexcan2mqtt.explore.text import lines
from eflexcan2mqtt.protocol.fields import STAGES
from eflexcan2mqtt.sinks import OUTPUTS

from .support import faults
from .support.markdown import tables
from .support.planted import explored, planted
from .support.program import LOG, MAIN

HOME = Path(__file__).parents[1]
README = HOME / "README.md"
DOCS = HOME / "docs"
INSTALL = DOCS / "install.md"
PAGES = [README, HOME / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]

SHARED = "three_batteries_fw4006.log"
CAPTURES = os.environ.get("EFLEX_CAPTURES") and Path(os.environ["EFLEX_CAPTURES"])

README_WORDS = 600


def rows(text):
    """The rows of all its tables, but for the rules."""
    return [row for table in tables(text) for row in table]


def measured():
    """What the benchmark found: the rows of its tables; words, figure and limit of its claims."""
    results = "".join((HOME / "bench" / f"{each}.md").read_text() for each in ("RESULTS", "FLEET"))
    claims = re.findall(r"^- (.+): (\S+ \w+) \((.+)\): met$", results, re.MULTILINE)
    return {*rows(results), *claims}


@pytest.mark.parametrize(
    ("page", "heading"),
    [
        ("costs.md", "# What it costs"),
        ("many-banks.md", "## What one broker takes"),
        ("many-banks.md", "## Store all banks in PostgreSQL"),
    ],
)
def test_every_figure_is_one_that_the_benchmark_found(page, heading):
    """Words of headings aside; if not, `make bench` has been run since: copy what it found."""
    section = (DOCS / page).read_text().partition(f"{heading}\n")[2].partition("\n## ")[0]
    shown = [row for row in rows(section) if any(re.match(r"\d", cell) for cell in row[1:])]
    assert shown
    assert [row for row in shown if row not in measured()] == []


def test_the_table_of_outputs_has_those_of_the_program():
    section = (DOCS / "command-line.md").read_text().partition("\n## Outputs\n")[2]
    shown = rows(section.partition("\n## ")[0])[1:]
    assert [output.strip("`") for output, _ in shown] == list(OUTPUTS)


def test_a_test_produces_each_fault_of_the_page():
    tests = "".join(path.read_text() for path in (HOME / "tests").rglob("test_*.py"))
    produced = re.findall(r'seen\(\s*"([^"]+)"', tests)
    assert faults.rows()
    assert [fault for fault in faults.rows() if fault not in produced] == []


def links(page):
    """Where it points, and the part of the page after #."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    found = re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", text)
    for target in ("".join(each) for each in found):
        if not target.startswith("https://"):
            path, _, part = target.partition("#")
            yield page.parent / path if path else page, part


def anchors(page):
    """The parts of a page that a link can name."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_to_a_part_of_it(page):
    for target, part in links(page):
        assert target.exists(), target
        assert not part or part in anchors(target), f"{target}#{part}"


def test_the_readme_links_every_page_and_every_page_links_back():
    linked = {target.resolve() for target, _ in links(README)}
    for page in PAGES[1:]:
        assert page in linked, page.name
        assert README in {target.resolve() for target, _ in links(page)}, page.name


def blocks(page, language):
    """The code blocks of a page in a language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE)


OURS = re.compile(r"(?<![\w/.~=])(?:bench|dist|docs|eflexcan2mqtt|examples|tests)/[\w./-]+")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_name_files_that_there_are(page):
    """But for the reader's own capture."""
    for path in OURS.findall("".join(blocks(page, "bash"))):
        assert (HOME / path).exists() or "/my_bank." in path, path


def test_make_knows_every_target_that_is_named():
    targets = re.findall(r"^([\w.-]+):", (HOME / "Makefile").read_text(), re.MULTILINE)
    for page in PAGES:
        text = page.read_text()
        for target in re.findall(r"(?:`|^)make ([a-z][\w.-]*)", text, re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


def test_the_readme_is_short():
    assert len(README.read_text().split()) <= README_WORDS


def test_the_first_screen_has_the_two_commands():
    first = "\n".join(README.read_text().splitlines()[:40])
    assert "make demo SECONDS=10" in first
    assert "make test" in first


def test_the_frames_that_a_page_shows_are_those_of_a_capture():
    """As candump prints them."""
    log = LOG.read_text()
    shown = re.findall(r"^  can0  (\w+)   \[8\]  (.+)$", INSTALL.read_text(), re.MULTILINE)
    assert len(shown) > 5
    for frame, data in shown:
        assert f" can0 {frame}#{data.replace(' ', '')}\n" in log


def test_the_rulers_that_a_page_shows_are_those_of_a_capture():
    """If not, copy what `--output bytes` prints."""
    (shown,) = re.findall(
        r"```text\n(battery.*?)```", (DOCS / "decoding.md").read_text(), re.DOTALL
    )
    printed = subprocess.run(
        [sys.executable, MAIN, "--input", LOG, "--output", "bytes"],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert printed.stdout.startswith(shown)


@pytest.mark.parametrize(
    ("folder", "recording"),
    [
        (HOME, "tests/captures/lost_frames.log"),
        pytest.param(
            *(CAPTURES, SHARED),
            marks=pytest.mark.skipif(
                not (CAPTURES and (CAPTURES / SHARED).exists()),
                reason=f"EFLEX_CAPTURES names no folder with {SHARED}",
            ),
        ),
    ],
    ids=["shipped", "real"],
)
def test_the_evidence_that_a_page_shows_is_what_the_command_prints(folder, recording):
    """If not, copy what it prints."""
    printed = subprocess.run(
        [sys.executable, MAIN, "evidence", recording],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    assert printed.startswith(f"{recording}: ")
    assert printed in blocks(DOCS / "evidence.md", "text")


def test_the_claims_that_a_page_shows_are_those_of_planted_bytes():
    """If not, copy what explore prints; the page breaks its lines."""
    [shown] = [each for each in blocks(DOCS / "decoding.md", "text") if each.startswith("  1. ")]
    printed = list(lines(*explored(planted(0, batteries=2))))
    for claim in re.sub(r"\n {5}", " ", shown).splitlines():
        assert claim in printed


def test_what_cantools_prints_on_a_page_is_what_it_prints():
    """If not, copy it; the command is there, too."""
    page = (DOCS / "decoding.md").read_text()
    (shown,) = re.findall(r"```text\n(\(\d+\..*?)```", page, re.DOTALL)
    command = f"cantools decode --single-line examples/eflex.dbc < {LOG.relative_to(HOME)}\n"
    assert command in page
    with LOG.open() as recording:
        printed = subprocess.run(
            [sys.executable, "-m", "cantools", "decode", "--single-line", "examples/eflex.dbc"],
            cwd=HOME,
            stdin=recording,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    found = iter(printed.stdout.splitlines())
    assert all(line in found for line in shown.splitlines())


@pytest.mark.parametrize("stage", STAGES)
def test_the_loop_that_writes_a_capture_has_every_stage(stage):
    loop = re.search(r"for stage in (.+);", (HOME / "CONTRIBUTING.md").read_text())
    assert stage in loop[1].split()


@pytest.mark.parametrize("page", [README, INSTALL], ids=lambda page: page.name)
def test_the_files_that_a_page_names_are_of_this_version(page):
    named = re.findall(r"eflexcan2mqtt[_-](\d+\.\d+\.\d+)", page.read_text())
    assert set(named) == {__version__}


def test_the_change_log_tells_of_this_version():
    assert f"## {__version__}" in (HOME / "CHANGELOG.md").read_text()
