"""The tables of a page."""

from __future__ import annotations

import re
from itertools import groupby

Row = tuple[str, ...]


def tables(text: str) -> list[list[Row]]:
    """Each with its head first, and without the rule below that."""
    groups = groupby(text.splitlines(), lambda line: line.startswith("|"))
    return [
        [_cells(line) for line in lines if not re.match(r"\| ?-", line)]
        for is_table, lines in groups
        if is_table
    ]


def _cells(line: str) -> Row:
    return tuple(each.strip() for each in line.strip("|").split("|"))
