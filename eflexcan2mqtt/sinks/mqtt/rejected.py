"""Arrays that the broker does not take, set aside as files for their owner to look at."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path

MOST = 100
"""More are not set aside: a broker that takes no array at all is not the arrays' fault."""


def set_aside(directory: Path, payload: bytes) -> Path:
    """Write an array to a file of its own that nothing here will delete; return its path.

    Raises OSError.
    """
    time = array_time(payload).replace(":", "").replace(" ", "-")
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


def array_time(payload: bytes) -> str:
    """The time of an array's first reading, in words (UTC)."""
    time = datetime.fromtimestamp(json.loads(payload)[0]["time"], timezone.utc)
    return f"{time:%Y-%m-%d %H:%M:%S}"
