"""The rows of docs/faults.md, which tests produce: the page shows what was seen, and only that.

A row's messages are the code spans of its second column.  In them a number stands for any
number, and … for any text.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"


def seen(fault: str, text: str) -> None:
    """Assert that ``text``, a log or what was printed, holds the messages of that row."""
    for message in rows()[fault]:
        pattern = re.sub(r"\d+(\\\.\d+)?", r"\\d+(\\.\\d+)?", re.escape(message)).replace("…", ".*")
        assert re.search(pattern, text), f"{fault}: no '{message}' in:\n{text}"


@cache
def rows() -> dict[str, list[str]]:
    """The messages of each row, by its first column."""
    found = re.findall(r"(?m)^\| (.+?) \| (.+?) \| .+? \|$", PAGE.read_text())
    return {fault: re.findall(r"`([^`]+)`", seen) for fault, seen in found if fault != "fault"}
