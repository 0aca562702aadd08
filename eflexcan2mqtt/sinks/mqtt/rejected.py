"""Arrays that the broker does not take, set aside as files for their owner to look at."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path

from .outbox import Outbox, Parcel

MOST = 100
"""More are not set aside: a broker that takes no array at all is not the arrays' fault."""


def set_aside(outbox: Outbox, parcel: Parcel) -> Path:
    """Move an array in flight to a file of its own that nothing here will delete.

    Returns its path; raises OSError.
    """
    directory = outbox.directory()
    if directory is None:
        raise OSError("there is no spool directory")
    path = _write(directory, parcel.payload)
    outbox.arrived(parcel.number)
    return path


def in_words(parcel: Parcel) -> str:
    """Which array it is, by the time of its first reading."""
    time = f"{_time(parcel.payload):%Y-%m-%d %H:%M:%S}"
    return f"the array of {time} UTC ({len(parcel.payload)} bytes)"


def _write(directory: Path, payload: bytes) -> Path:
    time = f"{_time(payload):%Y-%m-%d-%H%M%S}"
    found = {path.name for path in directory.glob("rejected-*.json")}
    if len(found) >= MOST:
        raise OSError(f"{directory} holds {len(found)} rejected arrays already")
    number = 1
    while (name := f"rejected-{time}-{number}.json") in found:
        number += 1
    path = directory / name
    with path.open("xb") as file:
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
    return path


def _time(payload: bytes) -> datetime:
    return datetime.fromtimestamp(json.loads(payload)[0]["time"], timezone.utc)
