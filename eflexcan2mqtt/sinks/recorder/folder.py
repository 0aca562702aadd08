"""The recordings of a folder: their names, and which of them give way."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ...protocol.triggers import ALARMS, KINDS, RELAY

log = logging.getLogger(__name__)

SUFFIX, UNFINISHED = ".log.gz", ".log.new"

RANKS = {RELAY: 3, **{kind: 3 - mildness for mildness, kind in enumerate(ALARMS)}}
"""A recording gives way to one of the same or a higher rank; that of other kinds is 0."""

_WITH_SERIALS = "-with-serials"

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

    @property
    def has_serials(self) -> bool:
        """Whether its serial numbers are real."""
        return _WITH_SERIALS in self.why


class NoRoomError(Exception):
    """What may give way is not enough."""


def name_of(time: float, why: str, *, anonymous: bool = True) -> str:
    """The name of a recording that something triggered at a time; in local time."""
    serials = "" if anonymous else _WITH_SERIALS
    return f"{datetime.fromtimestamp(time).strftime(_TIME)}-{why}{serials}{SUFFIX}"


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


def make_room(folder: Path, name: str, size: int, max_bytes: float, kind: str) -> list[str]:
    """Delete the oldest recordings until one of ``size`` bytes fits below ``max_bytes``.

    Returns the deleted ones, of which ``name`` is none: it is the one that is written.  Raises
    NoRoomError, and deletes nothing, if that is not enough; OSError for what the disk does.
    """
    others = [each for each in recordings(folder) if each.name != name]
    over = size + sum(each.size for each in others) - max_bytes
    doomed = []
    for each in _in_order_of_rank(others, RANKS.get(kind, 0)):
        if over <= 0:
            break
        doomed.append(each.name)
        over -= each.size
    if over > 0:
        raise NoRoomError
    for each_name in doomed:
        (folder / each_name).unlink(missing_ok=True)
        log.info("deleted %s, for %s", each_name, name)
    return doomed


def _in_order_of_rank(present: Iterable[RecordingFile], highest: int) -> list[RecordingFile]:
    """What may give way, in this order."""
    ranked = [(RANKS.get(each.kind, 0), each) for each in present]
    return [each for rank, each in sorted(ranked) if rank <= highest]
