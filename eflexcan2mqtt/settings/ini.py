"""The text of an INI in, its settings with their line numbers out. Knows no setting by name.

configparser stops at the first mistake and forgets where a value stood; this tells all.
The syntax is the same: ``key = value`` or ``key: value``, comments on lines of their own
behind # or ;, keys in any case, and a % is an ordinary character.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_HEADER = re.compile(r"\[([^\]]+)\]")  # configparser ignores what stands behind it, too
_SETTING = re.compile(r"([^=:\s]+)\s*[=:]\s*(.*)$")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Setting(NamedTuple):
    """One line of the INI: ``value`` is text, stripped."""

    line: int
    section: str
    key: str
    value: str


class Ini(NamedTuple):
    """What an INI says: ``headers`` by line, and ``complaints`` as (line, what was expected)."""

    headers: dict[int, str]
    settings: list[Setting]
    complaints: list[tuple[int, str]]


def parse(data: bytes) -> Ini:
    """Read an INI to its end, whatever is in it. Never raises."""
    headers: dict[int, str] = {}
    settings: list[Setting] = []
    complaints: list[tuple[int, str]] = []
    section: str | None = None
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        try:
            line = raw.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            bad = raw[error.start]
            complaints.append((number, f"byte 0x{bad:02X} is not UTF-8; save the file as UTF-8"))
            continue
        if not line or line[0] in "#;":
            continue
        if _CONTROL.search(line):
            complaints.append((number, "expected text, found a control character"))
        elif header := _HEADER.match(line):
            section = headers[number] = header[1].strip()
        elif setting := _SETTING.match(line):
            key, value = setting[1].lower(), setting[2]
            if section is None:
                complaints.append((number, f"{key}: expected a header like [mqtt] above it"))
            elif section:
                settings.append(Setting(number, section, key, value))
        else:
            # The line is not shown: it may hold a password.
            complaints.append((number, "expected 'key = value' or '[section]'"))
            if line.startswith("["):
                section = ""  # whose settings are skipped: nobody knows where they belong
    return Ini(headers, settings, complaints)
