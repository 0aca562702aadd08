"""The text of an INI in, its settings with their lines out. Knows no setting by name.

configparser stops at the first mistake and keeps no line numbers; this reports all mistakes.
The syntax is the same: ``key = value`` or ``key: value``; comments have lines of their own that
begin with # or ;; keys are in any case; % is an ordinary character.
"""

from __future__ import annotations

import re

from .given import Complaint, Given, Place, Setting

_HEADER = re.compile(r"\[([^\]]+)\]")  # like configparser, ignores the rest of the line
_SETTING = re.compile(r"([^=:\s]+)\s*[=:]\s*(.*)$")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""No text of a setting holds one of them."""


def parse(data: bytes) -> Given:
    """Read an INI to its end. Never raises."""
    headers: dict[Place, str] = {}
    settings: list[Setting] = []
    complaints: list[Complaint] = []
    section: str | None = None
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        place = Place(line=number)
        try:
            line = raw.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            bad = raw[error.start]
            complaints.append((place, f"byte 0x{bad:02X} is not UTF-8; save the file as UTF-8"))
            continue
        if not line or line[0] in "#;":
            continue
        if CONTROL.search(line):
            complaints.append((place, "expected text, found a control character"))
        elif header := _HEADER.match(line):
            section = headers[place] = header[1].strip()
        elif setting := _SETTING.match(line):
            key, value = setting[1].lower(), setting[2]
            if section is None:
                complaints.append((place, f"{key}: expected a header like [mqtt] above it"))
            elif section:
                settings.append(Setting(place, section, key, value))
        else:
            # The line is not shown: it may hold a password.
            complaints.append((place, "expected 'key = value' or '[section]'"))
            if line.startswith("["):
                section = ""  # its settings are skipped: their section is unknown
    return Given(headers, settings, complaints)
