"""An INI and the environment in, a Config out; each complaint names place, section and key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import can_options, environment, ini, parsers, secrets
from .complete import Found, by_section, complete, replaced_by, take_apart
from .given import Complaint, Place, Setting
from .schema import SECTIONS, Can, Config
from .schema import settings as settings_of

DEFAULT_PATHS = (Path("eflexcan2mqtt.ini"), secrets.SERVICE_INI)

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


class ConfigError(Exception):
    """All mistakes in the settings, one on each line."""


# What is shown of a bad value: a short number or an address, but nothing that could be a password.
_HARMLESS = re.compile(
    r"[-+]?\d{0,5}([.,]\d{0,3})?(e[-+]?\d{1,3})?[a-z]?|inf|nan"
    r"|(\*|\[?::1?\]?|\d{1,3}(\.\d{1,3}){3})?(:\d{0,5})?",
    re.ASCII | re.IGNORECASE,
)


def load(
    path: Path | None,
    sections: frozenset[str] | None = None,
    variables: Mapping[str, str] = NO_VARIABLES,
) -> Config:
    """Read an INI, if there is one, and the environment's ``variables``, which win over it.

    Raises ConfigError with all that is wrong with both.  With ``sections``, the others are not
    looked at.
    """
    try:
        sources = (ini.parse(path.read_bytes() if path else b""), environment.parse(variables))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    complaints = [each for source in sources for each in source.complaints]
    if sections is None:
        complaints += chain(*(_unknown_sections(source.sections) for source in sources))
    looked_at = SECTIONS if sections is None else sections
    lines, ours = (
        [each for each in source.settings if each.section in looked_at] for source in sources
    )
    interface = _interface([*ours, *lines])
    found: Found = {}
    complaints += _read(lines, interface, found)
    winning: Found = {}
    complaints += _read(ours, interface, winning)
    # A line that is replaced goes before its URL is taken apart: nothing of it is left.
    replaced = replaced_by(winning)
    found = {key: each for key, each in found.items() if key not in replaced}
    for each in (found, winning):
        complaints += take_apart(each)
    found |= winning
    values = by_section(found)
    complaints += complete(found, values, path)
    for key in can_options.missing(interface, values["can"]):
        place, _ = found["can", "interface"]
        needs = f"expected {key} to be set as well"
        complaints.append((place, f"[can] interface = '{interface}': {needs}"))
    if complaints:
        raise ConfigError("\n".join(at.before(what, path) for at, what in sorted(complaints)))
    values["can"].setdefault("channel", can_options.default_channel(interface))
    options = [key for key in values["can"] if key not in settings_of("can")]
    values["can"]["options"] = tuple((key, values["can"].pop(key)) for key in options)
    return Config(**{name: section(**values[name]) for name, section in SECTIONS.items()})


def _interface(settings: list[Setting]) -> str:
    """The first that is named, for it decides which settings of [can] there are."""
    named = (each.value.lower() for each in settings if each[1:3] == ("can", "interface"))
    return next(named, Can.interface)


def _read(settings: list[Setting], interface: str, found: Found) -> Iterator[Complaint]:
    """Add the values of one source to ``found``."""
    for place, name, key, text in settings:
        parse = _parser(name, key, interface)
        if parse is None:
            yield place, f"[{name}] {key}: unknown setting{_hint(name, key, interface)}"
        elif (name, key) in found:
            first, _ = found[name, key]
            yield place, f"[{name}] {key}: set twice, first in {first}"
        else:
            try:
                value = parse(text)
            except ValueError as error:
                yield place, f"[{name}] {key}{_shown(text)}: {error}{_comment(text)}"
                value = getattr(SECTIONS[name], key, None)
            found[name, key] = (place, value)


def _unknown_sections(sections: dict[Place, str]) -> Iterator[Complaint]:
    for place, name in sections.items():
        if name not in SECTIONS:
            yield place, f"[{name}]: unknown section{parsers.did_you_mean(name, SECTIONS)}"


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
