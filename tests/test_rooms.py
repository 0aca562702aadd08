"""The package's rooms import each other one way only, as CONTRIBUTING.md shows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import eflexcan2mqtt

PACKAGE = Path(eflexcan2mqtt.__file__).parent

MAY_IMPORT = {
    "protocol": set(),
    "settings": {"protocol"},
    "explore": {"protocol"},
    "sources": {"protocol", "settings"},
    "sinks": {"protocol", "settings"},
    "process": {"protocol", "settings"},
    "commands": {"protocol", "settings", "sources", "sinks", "process", "explore", "bridge"},
    "command_line": {"protocol", "settings", "sources", "sinks"},
}
OF_ALL = {"__version__"}

MOST_LINES = 260
"""A longer module has a second idea in it."""


def imported(file):
    """The rooms of ours that a module imports, by relative imports: we have no others."""
    folder = file.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            assert not any(each.name.startswith(PACKAGE.name) for each in node.names), file
        if isinstance(node, ast.ImportFrom):
            assert node.level or not node.module.startswith(PACKAGE.name), file
            if node.level:
                above = folder[: len(folder) - node.level + 1]
                path = (*above, *(node.module or "").split("."))
                names = [path[0]] if path[0] else [each.name for each in node.names]
                yield from names


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_lies_before_it(room):
    files = sorted((PACKAGE / room).rglob("*.py"))
    assert files
    for file in files:
        assert set(imported(file)) <= MAY_IMPORT[room] | OF_ALL | {room}, file


def test_no_module_is_too_long():
    lengths = {each: len(each.read_text().splitlines()) for each in PACKAGE.rglob("*.py")}
    assert [each for each, lines in lengths.items() if lines > MOST_LINES] == []


def test_no_two_classes_have_one_name():
    found = [
        node.name
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    assert sorted(found) == sorted(set(found))


def test_every_room_has_its_place_in_this_order():
    assert {each.parent.name for each in PACKAGE.glob("*/__init__.py")} == MAY_IMPORT.keys()
