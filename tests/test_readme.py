"""What the README and the change log say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eflexcan2mqtt import __version__
from eflexcan2mqtt.protocol.fields import FIELDS, STAGES
from eflexcan2mqtt.settings.schema import Config

HOME = Path(__file__).parents[1]
README = (HOME / "README.md").read_text()


def field_table():
    """The README's table of all fields, as the field table makes it."""
    rows = ["| key | type | unit | meaning | how well known |", "|---|---|---|---|---|"]
    for stage in STAGES:
        rows.append(f"| **{stage}** | | | | |")
        rows += [
            f"| `{each.key}` | {each.value.json_type} | {each.unit} | {each.meaning} "
            f"| {each.evidence} |"
            for each in FIELDS
            if each.stage == stage
        ]
    return "\n".join(rows)


def test_the_table_of_fields_is_that_of_the_code():
    """If not, copy what is printed here."""
    found = re.search(r"\| key \| type \|.*?(?=\n\n)", README, re.DOTALL)
    print(field_table())
    assert found
    assert found[0] == field_table()


def shown(default):
    """A default as the README shows it."""
    words = {True: "yes", False: "no", "": "(empty)", None: "$STATE_DIRECTORY"}
    return (
        words[default]
        if isinstance(default, (bool, str, type(None))) and default in words
        else default
    )


def test_every_setting_is_in_the_table_of_settings_with_its_default():
    for section in Config.__dataclass_fields__.values():
        for key, field in type(section.default).__dataclass_fields__.items():
            default = re.search(rf"^\| `{key}` \| (\S*) \|", README, re.MULTILINE)
            assert default, key
            wanted = shown(field.default)
            assert default[1] == (f"{wanted:g}" if isinstance(wanted, float) else str(wanted)), key


def cells(row):
    return tuple(each.strip() for each in row.strip("|").split("|"))


def rows(text):
    """The rows of all its tables, but for the rules."""
    return [cells(line) for line in text.splitlines() if re.match(r"\|(?! ?-)", line)]


def measured():
    """What the benchmark found: the rows of its tables; words, figure and limit of its claims."""
    results = (HOME / "bench" / "RESULTS.md").read_text()
    claims = re.findall(r"^- (.+): (\S+ \w+) \((.+)\): met$", results, re.MULTILINE)
    return {*rows(results), *claims}


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        (README, "## What it costs"),
        ((HOME / "docs" / "many-banks.md").read_text(), "## What one broker takes"),
    ],
)
def test_every_figure_is_one_that_the_benchmark_found(text, heading):
    """Words of headings aside; if not, `make bench` has been run since: copy what it found."""
    section = text.partition(f"{heading}\n")[2].partition("\n## ")[0]
    shown = [row for row in rows(section) if any(re.match(r"\d", cell) for cell in row[1:])]
    assert shown
    assert [row for row in shown if row not in measured()] == []


def test_every_file_that_is_linked_is_there():
    for target in re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", README):
        path = "".join(target)
        if not path.startswith("https://"):
            assert (HOME / path).exists(), path


def test_the_first_screen_has_the_two_commands():
    first = README.splitlines()[:40]
    assert "make demo SECONDS=10" in "\n".join(first)
    assert "make test" in "\n".join(first)


def test_the_change_log_tells_of_this_version():
    assert f"## {__version__}" in (HOME / "CHANGELOG.md").read_text()
