"""The recordings of a folder: their names, and which of them give way."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ...protocol.triggers import ALARMS, KINDS, RELAY

SUFFIX = ".log.gz"

PROTECTED = {*ALARMS, RELAY}
"""Recordings of these kinds only give way to each other."""

_TIME = "%Y-%m-%dT%H%M%S"
_NAME = re.compile(
    rf"(?P<time>\d{{4}}-\d\d-\d\dT\d{{6}})-(?P<why>(?P<kind>{'|'.join(KINDS)})[\w.-]*){SUFFIX}",
    re.ASCII,
)


class RecordingFile(NamedTuple):
    """A recording: ``time`` is when it was triggered, as its name has it."""

    name: str
    time: datetime
    kind: str
    why: str
    size: int


class NoRoomError(Exception):
    """What may give way is not enough."""


def name_of(time: float, why: str) -> str:
    """The name of a recording that something triggered at a time; in local time."""
    return f"{datetime.fromtimestamp(time).strftime(_TIME)}-{why}{SUFFIX}"


def recordings(folder: Path) -> list[RecordingFile]:
    """The oldest first; none if there is no such folder. Raises OSError."""
    try:
        return sorted(_found(folder))
    except FileNotFoundError:
        return []


def _found(folder: Path) -> Iterator[RecordingFile]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if (match := _NAME.fullmatch(entry.name)) and entry.is_file(follow_symlinks=False):
                # Its numbers may be no time, and it may be gone by now.
                with suppress(ValueError, FileNotFoundError):
                    time = datetime.strptime(match["time"], _TIME)
                    size = entry.stat().st_size
                    yield RecordingFile(entry.name, time, match["kind"], match["why"], size)


def make_room(folder: Path, size: int, max_bytes: float, kind: str) -> list[str]:
    """Delete the oldest recordings until one of ``size`` bytes fits below ``max_bytes``.

    Returns the deleted ones.  Raises NoRoomError, and deletes nothing, if that is not enough;
    OSError for what the disk does.
    """
    present = recordings(folder)
    over = size + sum(each.size for each in present) - max_bytes
    doomed = []
    for each in _in_order_of_rank(present, kind):
        if over <= 0:
            break
        doomed.append(each.name)
        over -= each.size
    if over > 0:
        raise NoRoomError
    for name in doomed:
        (folder / name).unlink(missing_ok=True)
    return doomed


def _in_order_of_rank(present: Iterable[RecordingFile], kind: str) -> list[RecordingFile]:
    """What may give way to a recording of a kind, in this order."""
    others = [each for each in present if kind in PROTECTED or each.kind not in PROTECTED]
    return sorted(others, key=lambda each: each.kind in PROTECTED)
