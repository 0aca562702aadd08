"""The INI into frozen dataclasses; every complaint names file, line, section and key.

A section is a dataclass here and a setting is a field of it: its name is the key, and its
default, its parser and what that expects stand beside it.
"""

from __future__ import annotations

import dataclasses
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import ini, parsers
from .protocol.fields import DOCUMENTED, STAGES

CREDENTIAL = "mqtt-password"
PASSWORD_PATH = Path("/etc/eflexcan2mqtt.password")
DEFAULT_PATHS = (Path("eflexcan2mqtt.ini"), Path("/etc/eflexcan2mqtt.ini"))


class ConfigError(Exception):
    """Everything that is wrong with an INI, one complaint a line."""


def _setting(default: Any, parse: Callable[[str], Any] = str, secret: bool = False) -> Any:
    """A field of a section; ``parse`` raises ValueError saying what it expected."""
    return dataclasses.field(default=default, repr=not secret, metadata={"parse": parse})


@dataclass(frozen=True)
class Logging:
    """[logging]: where the log goes; an empty ``log_dir`` means stderr only."""

    log_level: str = _setting("info", parsers.log_level)
    log_dir: str = _setting("")
    profile: bool = _setting(False, parsers.switch)


@dataclass(frozen=True)
class Can:
    """[can]: the bus, in python-can's terms; ``bitrate`` in bit/s."""

    interface: str = _setting("socketcan", parsers.interface)
    channel: str = _setting("can0", parsers.text("the name of a CAN interface, like can0"))
    bitrate: int = _setting(250_000, parsers.whole(1, 1_000_000))


@dataclass(frozen=True)
class Mqtt:
    """[mqtt]: the broker, and what goes there; ``keepalive`` and ``publish_interval`` in seconds.

    Paths are relative to the folder of the INI.
    """

    hostname: str = _setting("localhost", parsers.hostname)
    port: int = _setting(1883, parsers.whole(1, 65_535))
    keepalive: int = _setting(60, parsers.whole(1, 65_535))
    client_id: str = _setting("eflexcan2mqtt")
    qos: int = _setting(2, parsers.whole(0, 2))
    topic: str = _setting("eflexbatteries", parsers.topic)
    publish_interval: float = _setting(0.0, parsers.seconds)
    fields: str = _setting(DOCUMENTED, parsers.one_of(*STAGES))
    username: str = _setting("")
    password: str = _setting("", secret=True)
    password_file: str = _setting("")
    tls: bool = _setting(False, parsers.switch)
    tls_ca: str = _setting("")
    tls_cert: str = _setting("")
    tls_key: str = _setting("")
    tls_insecure: bool = _setting(False, parsers.switch)


@dataclass(frozen=True)
class Spool:
    """[spool]: where arrays are kept while the broker is away; an empty ``directory`` is nowhere,
    none at all is the one that systemd gives us."""

    directory: str | None = _setting(None)
    max_mb: float = _setting(100.0, parsers.positive("megabytes"))
    max_age_days: float = _setting(30.0, parsers.positive("days"))


@dataclass(frozen=True)
class HomeAssistant:
    """[homeassistant]: whether the batteries appear there by themselves, and with which cells."""

    discovery: bool = _setting(False, parsers.switch)
    prefix: str = _setting("homeassistant", parsers.topic)
    cells: str = _setting("disabled", parsers.one_of("disabled", "enabled", "none"))


@dataclass(frozen=True)
class Web:
    """[web]: where the page listens, HOST:PORT; empty is nowhere."""

    listen: str = _setting("", parsers.address)


_NEEDS = {
    "password": "username",
    "password_file": "username",
    "tls_ca": "tls",
    "tls_cert": "tls",
    "tls_key": "tls_cert",
    "tls_insecure": "tls",
}
_FILES = ("password_file", "tls_ca", "tls_cert", "tls_key")


@dataclass(frozen=True)
class Config:
    """A whole INI; without arguments, what holds without one."""

    logging: Logging = Logging()
    can: Can = Can()
    mqtt: Mqtt = Mqtt()
    spool: Spool = Spool()
    homeassistant: HomeAssistant = HomeAssistant()
    web: Web = Web()


_SECTIONS: dict[str, type[Any]] = {
    each.name: type(each.default) for each in dataclasses.fields(Config)
}
_Found = dict[tuple[str, str], tuple[int, Any]]  # (section, key) -> (line, value)


def load(path: Path) -> Config:
    """Read an INI; raises ConfigError with all that is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    headers, settings, complaints = ini.parse(data)
    for line, name in headers.items():
        if name not in _SECTIONS:
            complaints.append(
                (line, f"[{name}]: unknown section{parsers.did_you_mean(name, _SECTIONS)}")
            )
    found: _Found = {}
    for line, name, key, text in settings:
        if name not in _SECTIONS:
            continue
        field = _SECTIONS[name].__dataclass_fields__.get(key)
        if field is None:
            complaints.append((line, f"[{name}] {key}: unknown setting{_hint(name, key)}"))
        elif (name, key) in found:
            first, _ = found[name, key]
            complaints.append((line, f"[{name}] {key}: set twice, first in line {first}"))
        else:
            try:
                value = field.metadata["parse"](text)
            except ValueError as error:
                complaints.append((line, f"[{name}] {key} = {_shown(text)}: {error}"))
                value = field.default
            found[name, key] = (line, value)
    values = {
        name: {key: value for (at, key), (_, value) in found.items() if at == name}
        for name in _SECTIONS
    }
    for key, complaint in _complete_mqtt(values["mqtt"], path.parent):
        complaints.append((found["mqtt", key][0], f"[mqtt] {key}: {complaint}"))
    if complaints:
        raise ConfigError("\n".join(f"{path}:{line}: {what}" for line, what in sorted(complaints)))
    return Config(**{name: section(**values[name]) for name, section in _SECTIONS.items()})


def exposed_secrets(path: Path, mqtt: Mqtt) -> list[Path]:
    """The files with a password that everybody on this machine may read."""
    files = [Path(each) for each in (mqtt.password_file, mqtt.tls_key) if each]
    if PASSWORD_PATH.exists():
        files.append(PASSWORD_PATH)
    if "password" in (each.key for each in ini.parse(path.read_bytes()).settings):
        files.append(path)
    return [each for each in files if each.stat().st_mode & stat.S_IROTH]


def _complete_mqtt(values: dict[str, Any], folder: Path) -> Iterator[tuple[str, str]]:
    """Find and read the files of [mqtt]; yield (key, complaint) where one needs another."""
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
            values["password"] = _credential()
        except UnicodeDecodeError:
            yield "username", f"expected a password in UTF-8 in {PASSWORD_PATH}"
    yield from _certificate_complaints(values)


def _credential() -> str:
    """The password that systemd hands to the service, or to root the file it comes from."""
    handed = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nowhere")) / CREDENTIAL
    for path in (handed, PASSWORD_PATH):
        if os.access(path, os.R_OK):
            return path.read_text("utf-8").strip("\r\n")
    return ""


def _certificate_complaints(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    ca, cert, key = (values.get(name, "") for name in ("tls_ca", "tls_cert", "tls_key"))
    if not ca and not cert:
        return
    from . import tls  # ssl is for those who use it

    for name, files in (("tls_ca", {"ca": ca}), ("tls_cert", {"cert": cert, "key": key})):
        try:
            tls.context(**files)
        except OSError as error:
            yield name, f"expected certificates and keys in PEM: {error.strerror or error}"


def _hint(section: str, key: str) -> str:
    for name, other in _SECTIONS.items():
        if key in other.__dataclass_fields__:
            return f"; it belongs in [{name}]"
    return parsers.did_you_mean(key, _SECTIONS[section].__dataclass_fields__)


def _shown(value: str) -> str:
    # A password may stand in an address.
    return "'" + re.sub(r".*@", "…@", value) + "'"
