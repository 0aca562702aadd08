"""The text of an INI in, its settings with their line numbers out. Knows no setting by name.

configparser stops at the first mistake and keeps no line numbers; this reports all mistakes.
The syntax is the same: ``key = value`` or ``key: value``; comments have lines of their own that
begin with # or ;; keys are in any case; % is an ordinary character.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_HEADER = re.compile(r"\[([^\]]+)\]")  # like configparser, ignores the rest of the line
_SETTING = re.compile(r"([^=:\s]+)\s*[=:]\s*(.*)$")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Setting(NamedTuple):
    """One line of the INI: ``value`` is text, stripped."""

    line: int
    section: str
    key: str
    value: str


class Ini(NamedTuple):
    """A parsed INI: ``headers`` by line, and ``complaints`` as (line, what was expected)."""

    headers: dict[int, str]
    settings: list[Setting]
    complaints: list[tuple[int, str]]


def parse(data: bytes) -> Ini:
    """Read an INI to its end. Never raises."""
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
                section = ""  # its settings are skipped: their section is unknown
    return Ini(headers, settings, complaints)
