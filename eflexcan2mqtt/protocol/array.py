"""Readings in, the objects of the array out. No I/O.

The array shows the fields of one stage; a reading has all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .fields import shown

Shown = dict[str, Any]
"""One battery in the array: the keys of a stage, in the order of the JSON."""


def array_of(stage: str) -> Callable[[Sequence[Mapping[str, Any]]], list[Shown]]:
    """The function that takes a cycle's readings and returns their array for this stage."""
    keys = [each.key for each in shown(stage)]
    return lambda cycle: [{key: reading[key] for key in keys} for reading in cycle]
