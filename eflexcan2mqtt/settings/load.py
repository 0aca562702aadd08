"""An INI in, a Config out; each complaint names file, line, section and key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import can_options, ini, parsers, secrets
from .schema import SECTIONS, Can, Config
from .schema import settings as settings_of

DEFAULT_PATHS = (Path("eflexcan2mqtt.ini"), secrets.SERVICE_INI)


class ConfigError(Exception):
    """All mistakes in an INI, one on each line."""


_NEEDS = {
    "password": "username",
    "password_file": "username",
    "tls_ca": "tls",
    "tls_cert": "tls",
    "tls_key": "tls_cert",
    "tls_insecure": "tls",
}
_FILES = ("password_file", "tls_ca", "tls_cert", "tls_key")


_Found = dict[tuple[str, str], tuple[int, Any]]  # (section, key) -> (line, value)


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
    found: _Found = {}
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
                complaints.append((line, f"[{name}] {key} = {_shown(text)}: {error}"))
                value = getattr(SECTIONS[name], key, None)
            found[name, key] = (line, value)
    values = {
        name: {key: value for (at, key), (_, value) in found.items() if at == name}
        for name in SECTIONS
    }
    for key, complaint in _complete_mqtt(values["mqtt"], path.parent):
        complaints.append((found["mqtt", key][0], f"[mqtt] {key}: {complaint}"))
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


def _complete_mqtt(values: dict[str, Any], folder: Path) -> Iterator[tuple[str, str]]:
    """Find and read the files of [mqtt]; yield (key, complaint) for each mistake."""
    given = [key for key, value in values.items() if value]
    for key, needed in _NEEDS.items():
        if key in given and needed not in given:
            yield key, f"expected {needed} to be set as well"
    for key in _FILES:
        if key not in given:
            continue
        values[key] = str(folder / values[key])
        try:
            content = Path(values[key]).read_bytes()
        except OSError as error:
            yield key, f"expected the name of a file that can be read: {error.strerror}"
            values[key] = ""
            continue
        if key == "password_file":
            if "password" in given:
                yield key, "expected either password or password_file, not both"
            try:
                values["password"] = content.decode("utf-8").strip("\r\n")
            except UnicodeDecodeError:
                yield key, "expected a file in UTF-8"
    if "username" in given and "password" not in values:
        try:
            values["password"] = secrets.credential()
        except UnicodeDecodeError:
            yield "username", f"expected a password in UTF-8 in {secrets.PASSWORD_PATH}"
    yield from _certificate_complaints(values)


def _certificate_complaints(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    ca, cert, key = (values.get(name, "") for name in ("tls_ca", "tls_cert", "tls_key"))
    if not ca and not cert:
        return
    from . import tls  # it loads ssl, which costs memory

    for name, files in (("tls_ca", {"ca": ca}), ("tls_cert", {"cert": cert, "key": key})):
        try:
            tls.context(**files)
        except OSError as error:
            yield name, f"expected certificates and keys in PEM: {error.strerror or error}"


def _hint(section: str, key: str, interface: str) -> str:
    known = [*settings_of(section), *(can_options.names(interface) if section == "can" else ())]
    nearest = parsers.did_you_mean(key, known)
    for name in SECTIONS:
        if key in settings_of(name) and not (section == "can" and nearest):
            return f"; it belongs in [{name}]"
    return nearest


def _shown(value: str) -> str:
    # An address like mqtt://user:password@host holds a password.
    return "'" + re.sub(r".*@", "…@", value) + "'"
