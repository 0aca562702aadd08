"""An INI in, a Config out; each complaint names file, line, section and key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import can_options, ini, parsers, secrets
from .complete import Found, by_section, complete, take_apart
from .schema import SECTIONS, Can, Config
from .schema import settings as settings_of

DEFAULT_PATHS = (Path("eflexcan2mqtt.ini"), secrets.SERVICE_INI)


class ConfigError(Exception):
    """All mistakes in an INI, one on each line."""


# What is shown of a bad value: a short number or an address, but nothing that could be a password.
_HARMLESS = re.compile(
    r"[-+]?\d{0,5}([.,]\d{0,3})?(e[-+]?\d{1,3})?[a-z]?|inf|nan"
    r"|(\*|\[?::1?\]?|\d{1,3}(\.\d{1,3}){3})?(:\d{0,5})?",
    re.ASCII | re.IGNORECASE,
)


def load(path: Path, sections: frozenset[str] | None = None) -> Config:
    """Read an INI; raises ConfigError with all that is wrong with it.

    With ``sections``, the others are not looked at.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    headers, settings, complaints = ini.parse(data)
    if sections is None:
        complaints += _unknown_sections(headers)
    else:
        settings = [each for each in settings if each.section in sections]
    named = (each.value.lower() for each in settings if each[1:3] == ("can", "interface"))
    interface = next(named, Can.interface)
    found: Found = {}
    for line, name, key, text in settings:
        if name not in SECTIONS:
            continue
        parse = _parser(name, key, interface)
        if parse is None:
            hint = _hint(name, key, interface)
            complaints.append((line, f"[{name}] {key}: unknown setting{hint}"))
        elif (name, key) in found:
            first, _ = found[name, key]
            complaints.append((line, f"[{name}] {key}: set twice, first in line {first}"))
        else:
            try:
                value = parse(text)
            except ValueError as error:
                complaints.append((line, f"[{name}] {key}{_shown(text)}: {error}{_comment(text)}"))
                value = getattr(SECTIONS[name], key, None)
            found[name, key] = (line, value)
    complaints += take_apart(found)
    values = by_section(found)
    complaints += complete(found, values, path.parent)
    for key in can_options.missing(interface, values["can"]):
        line, _ = found["can", "interface"]
        needs = f"expected {key} to be set as well"
        complaints.append((line, f"[can] interface = '{interface}': {needs}"))
    if complaints:
        raise ConfigError("\n".join(f"{path}:{line}: {what}" for line, what in sorted(complaints)))
    values["can"].setdefault("channel", can_options.default_channel(interface))
    options = [key for key in values["can"] if key not in settings_of("can")]
    values["can"]["options"] = tuple((key, values["can"].pop(key)) for key in options)
    return Config(**{name: section(**values[name]) for name, section in SECTIONS.items()})


def _unknown_sections(headers: dict[int, str]) -> Iterator[tuple[int, str]]:
    for line, name in headers.items():
        if name not in SECTIONS:
            yield line, f"[{name}]: unknown section{parsers.did_you_mean(name, SECTIONS)}"


def _parser(section: str, key: str, interface: str) -> Callable[[str], Any] | None:
    """What converts the text of a setting; None if there is no such setting."""
    if field := settings_of(section).get(key):
        parse: Callable[[str], Any] = field.metadata["parse"]
        return parse
    return can_options.parser(interface, key) if section == "can" else None


def _hint(section: str, key: str, interface: str) -> str:
    known = [*settings_of(section), *(can_options.names(interface) if section == "can" else ())]
    nearest = parsers.did_you_mean(key, known)
    for name in SECTIONS:
        if key in settings_of(name) and not (section in ("can", "web") and nearest):
            return f"; it belongs in [{name}]"
    return nearest


def _shown(text: str) -> str:
    return f" = '{text}'" if _HARMLESS.fullmatch(text) else ""


def _comment(text: str) -> str:
    return "; comments need lines of their own" if re.search(r"\s[#;]", text) else ""
