"""The recordings of the recorder: their list as JSON, and each as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from ..recorder.folder import recordings

if TYPE_CHECKING:
    from ..recorder.sink import Recorder

JSON, GZIP = "application/json", "application/gzip"
PLAIN = "text/plain; charset=utf-8"

NO_RECORDER = "there is no recorder: [storage] directory is not set, or [recorder] max_mb is 0\n"
NOT_OPENLY = (
    "this recording shows serial numbers, as [recorder] anonymize was no: set [web] password_file "
    "to get it here\n"
)

Found = tuple[HTTPStatus, str, str | bytes, Mapping[str, str]]


def listed(recorder: Recorder | None, locked: bool) -> Found:
    """All recordings, the newest first, the bytes that trigger none, and the alarm bits that were
    ever set; ``locked``: whether the page asks for a password."""
    if recorder is None:
        return HTTPStatus.NOT_FOUND, PLAIN, NO_RECORDER, {}
    try:
        found = recordings(recorder.folder)
    except OSError as error:
        return HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, _trouble(recorder, error), {}
    rows = [
        {
            "name": each.name,
            "time": round(each.time.timestamp()),
            "kind": each.kind,
            "why": each.why,
            "bytes": each.size,
            "download": locked or not each.has_serials,
        }
        for each in reversed(found)
    ]
    shown = {
        "recordings": rows,
        "muted": recorder.learned.muted,
        "alarm_bits": recorder.learned.to_json()["bits"],
    }
    return HTTPStatus.OK, JSON, json.dumps(shown), {}


def file(recorder: Recorder | None, name: str, locked: bool) -> Found:
    """One of them."""
    if recorder is None:
        return HTTPStatus.NOT_FOUND, PLAIN, NO_RECORDER, {}
    try:
        # Only what is on the list: a name from outside must not be a way to other files.
        named = {each.name: each for each in recordings(recorder.folder)}
        if name not in named:
            return HTTPStatus.NOT_FOUND, PLAIN, "no such recording; it may have given way\n", {}
        if named[name].has_serials and not locked:
            return HTTPStatus.FORBIDDEN, PLAIN, NOT_OPENLY, {}
        content = (recorder.folder / name).read_bytes()
    except OSError as error:
        return HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, _trouble(recorder, error), {}
    return HTTPStatus.OK, GZIP, content, {"Content-Disposition": f'attachment; filename="{name}"'}


def _trouble(recorder: Recorder, error: OSError) -> str:
    return f"{recorder.folder}: {error.strerror or error}\n"
