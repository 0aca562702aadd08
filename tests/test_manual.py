"""The man page has every word of the command line, and those who show it find no fault."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from eflexcan2mqtt.settings.schema import SECTIONS, settings
from eflexcan2mqtt.sinks import OUTPUTS

from .support.generated import MANUAL


def needs(program):
    if not shutil.which(program):
        assert not os.environ.get("CI"), f"{program} is missing"
        pytest.skip(f"no {program} here")


def shown():
    """The page as `man` prints it on a wide terminal, in lines without the space around them."""
    needs("groff")
    groff = ["groff", "-man", "-Tascii", "-P-cbou", "-rLL=200n", MANUAL]
    text = subprocess.run(groff, check=True, capture_output=True, text=True).stdout
    return [line.strip() for line in text.splitlines()]


@pytest.mark.parametrize(
    "linter",
    [
        ("groff", "-man", "-Tutf8", "-ww", "-z"),  # as `man --warnings` does
        ("mandoc", "-T", "lint"),
    ],
    ids=lambda linter: linter[0],
)
def test_a_linter_finds_nothing_but_the_missing_date(linter):
    needs(linter[0])
    found = subprocess.run([*linter, MANUAL], check=False, capture_output=True, text=True)
    said = (found.stdout + found.stderr).splitlines()
    assert [line for line in said if "missing date" not in line] == []


def test_it_has_the_sections_that_a_man_page_has():
    titles = [line.split('"')[1] for line in MANUAL.read_text().splitlines() if ".SH" in line]
    assert titles == [
        *("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "SETTINGS", "FILES"),
        *("ENVIRONMENT", "EXIT STATUS", "EXAMPLES", "SEE ALSO"),
    ]


def test_it_shows_how_each_command_is_called():
    lines = shown()
    assert "eflexcan2mqtt forget [-c FILE] BATTERY_ID" in lines
    assert "eflexcan2mqtt anonymize IN OUT" in lines
    assert "forget BATTERY_ID" in lines
    assert "-c, --config, --config_path FILE" in lines
    assert f"--output {'|'.join(OUTPUTS)}" in lines


def test_it_explains_every_setting():
    lines = shown()
    for section in SECTIONS:
        assert f"[{section}]" in lines
        for key in settings(section):
            assert any(line == key or line.startswith(f"{key} ") for line in lines), key


@pytest.mark.parametrize("words", [("--help",), ("check", "--help"), ("forget", "--help")])
def test_it_has_every_option_that_help_shows(run, words):
    page = "\n".join(shown())
    help_ = run(*words).stdout
    named = {word.strip("[],") for word in help_.split() if word.startswith(("-", "[-"))}
    assert named
    assert [name for name in named if name not in page] == []
