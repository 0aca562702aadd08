"""The text of a path in, a path out: ~ and variables like $STATE_DIRECTORY are expanded."""

from __future__ import annotations

import os
import re
from pathlib import Path

STATE_DIRECTORY = "STATE_DIRECTORY"

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def path(value: str) -> str:
    """Expand a path; raises ValueError for a variable that is not set and a user without a home."""
    for name in (a or b for a, b in _VARIABLE.findall(value)):
        if not _variable(name):
            # What looks like no name of a variable may be a password.
            shown = f"${name}" if name.isupper() else "a variable in it"
            raise ValueError(f"expected a path: {shown} is not set{_remedy(name)}")
    value = _VARIABLE.sub(lambda found: _variable(found[1] or found[2]), value)
    try:
        return str(Path(value).expanduser()) if value.startswith("~") else value
    except RuntimeError:
        raise ValueError("expected a path: ~ has no home folder here; write it out") from None


def state_directory() -> str:
    """The folder that systemd has made for the service; empty without one."""
    return _variable(STATE_DIRECTORY)


def _variable(name: str) -> str:
    # systemd separates the folders of the service by colons; the first is ours.
    value = os.environ.get(name, "")
    return value.partition(":")[0] if name == STATE_DIRECTORY else value


def _remedy(name: str) -> str:
    if name != STATE_DIRECTORY:
        return "; write it out"
    return "; remove the line: the service uses this folder anyway"
