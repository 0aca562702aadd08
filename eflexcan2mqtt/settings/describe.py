"""The schema in, its descriptions out: the INI that we ship, and the table of settings."""

from __future__ import annotations

import textwrap
from dataclasses import Field
from typing import Any

from ..protocol.fields import EXTENDED
from .schema import SECTIONS, settings

_WIDTH = 92
_INTRODUCTION = (
    "Settings of eflexcan2mqtt. The values below are the defaults, except that of `fields`. "
    "`eflexcan2mqtt --check` says what is wrong with them. To use a setting with a # before it, "
    "remove the #, and the one before the header of its section if there is one."
)


_COMMENTED = {"attention", "energy", "history", "recorder", "storage"}
"""Sections whose header is a comment in the shipped INI, as all their settings are: 1.2.0 refuses a
section that it does not know."""

_OURS = {"fields": EXTENDED}
"""Where the shipped INI differs from the defaults, which suit the INI of the original program."""


def shipped_ini() -> str:
    """The INI to start from, each setting with its meaning: the text of eflexcan2mqtt.ini."""
    lines = _comment(_INTRODUCTION)
    for name, section in SECTIONS.items():
        header = f"# [{name}]" if name in _COMMENTED else f"[{name}]"
        lines += ["", *_comment(meaning(section)), header]
        for setting in settings(name).values():
            lines += _comment(setting.metadata["meaning"])
            lines.append(_line(setting))
    return "\n".join(lines) + "\n"


def settings_table() -> str:
    """The settings as a table in Markdown, without a line break at its end."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, section in SECTIONS.items():
        rows.append(f"| **[{name}]** | | {meaning(section)} |")
        rows += [
            f"| `{each.name}` | {default(each)} | {each.metadata['meaning']} |"
            for each in settings(name).values()
        ]
    return "\n".join(rows)


def meaning(section: type[Any]) -> str:
    """What a section is for."""
    return " ".join((section.__doc__ or "").split())


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _line(setting: Field[Any]) -> str:
    example = setting.metadata["example"]
    if example is not None:
        return f"# {setting.name} = {example}".rstrip()
    return f"{setting.name} = {_OURS.get(setting.name, _text(setting.default))}".rstrip()


def default(setting: Field[Any]) -> str:
    """The default of a setting, for readers."""
    return setting.metadata["absent"] or _text(setting.default) or "(empty)"


def _text(value: Any) -> str:
    """A value as it stands in an INI."""
    match value:
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(value)
        case float():
            return f"{value:g}"
    return str(value)
