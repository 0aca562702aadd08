"""The values of all settings in; what is wrong with them together out.

Reads the files that settings name, and puts their passwords among the values.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, product
from pathlib import Path
from typing import Any, TypeAlias

from . import broker, secrets, topics
from .given import Complaint, Place
from .schema import SECTIONS, HomeAssistant, Mqtt

_NEEDS = {
    "password": "username",
    "password_file": "username",
    "path": "transport",
    "tls_ca": "tls",
    "tls_cert": "tls",
    "tls_key": "tls_cert",
    "tls_insecure": "tls",
}
_EITHER = ("password", "password_file")
"""Of these, one is enough: that of a variable takes the place of the other in the INI."""

_FILES = ("password_file", "tls_ca", "tls_cert", "tls_key")

Found: TypeAlias = dict[tuple[str, str], tuple[Place, Any]]
"""(section, key) -> (place, value)"""

Values: TypeAlias = dict[str, dict[str, Any]]
"""section -> key -> value"""

_Wrong: TypeAlias = tuple[str, str, str]
"""section, key and what is wrong"""


def replaced_by(variables: Found) -> set[tuple[str, str]]:
    """The settings of the INI that do not count beside those of variables."""
    either = {(section, other) for section, key in variables if key in _EITHER for other in _EITHER}
    return {*variables, *either}


def by_section(found: Found) -> Values:
    """The values without their places."""
    return {
        name: {key: value for (section, key), (_, value) in found.items() if section == name}
        for name in SECTIONS
    }


def take_apart(found: Found) -> Iterator[Complaint]:
    """Put what [mqtt] hostname holds where it belongs."""
    match found.get(("mqtt", "hostname")):
        case (at, dict(parts)):
            for key, value in parts.items():
                place, other = found.get(("mqtt", key), (at, value))
                if key != "hostname" and other != value:
                    expected = f"expected the same as in hostname, {at}, or no {key}"
                    yield place, f"[mqtt] {key}: {expected}"
                found["mqtt", key] = (place, value)
            place, port = found.get(("mqtt", "port"), (at, Mqtt.port))
            if "port" not in parts and not _has_use(port, parts["hostname"]):
                yield place, f"[mqtt] port: expected one of those in hostname, {at}, or no port"


def _has_use(port: int, hostname: str) -> bool:
    """Whether a line ``port`` is that of a broker; the usual one need not be: each INI has it."""
    return port == Mqtt.port or any(each.port == port for each in broker.listed(hostname, port))


def complete(found: Found, values: Values, ini: Path | None) -> Iterator[Complaint]:
    """Read the files that the values name."""
    for section, key, complaint in chain(
        _missing(values["mqtt"]),
        _twice(values["mqtt"]),
        _read_files(found, values, ini),
        _credential(values["mqtt"]),
        _certificates(values["mqtt"]),
        _page(values["web"]),
    ):
        yield found[section, key][0], f"[{section}] {key}: {complaint}"
    yield from _overlap(found)


def _missing(values: dict[str, Any]) -> Iterator[_Wrong]:
    given = [key for key, value in values.items() if value != getattr(Mqtt, key)]
    for key, needed in _NEEDS.items():
        if key in given and needed not in given:
            yield "mqtt", key, f"expected {needed} to be set as well"


def _twice(values: dict[str, Any]) -> Iterator[_Wrong]:
    hostname, port = values.get("hostname", Mqtt.hostname), values.get("port", Mqtt.port)
    brokers = broker.listed(hostname, port)
    if len({*brokers}) < len(brokers):
        yield "mqtt", "hostname", "expected each broker once"


def _read_files(found: Found, values: Values, ini: Path | None) -> Iterator[_Wrong]:
    for section, key in product(("mqtt", "web"), _FILES):
        settings = values[section]
        if not settings.get(key):
            continue
        folder = found[section, key][0].folder(ini)
        settings[key] = str(secrets.located(folder / settings[key]))
        try:
            content = Path(settings[key]).read_bytes()
        except OSError as error:
            yield section, key, f"expected the name of a file that can be read: {error.strerror}"
            settings[key] = ""
            continue
        if key == "password_file":
            if settings.get("password"):
                other, _ = found[section, "password"]
                yield section, key, f"expected either password ({other}) or password_file, not both"
            try:
                settings["password"] = topics.password(secrets.text(content))
            except UnicodeDecodeError:
                yield section, key, "expected a file in UTF-8"
            except ValueError as error:
                yield section, key, str(error)


def _credential(values: dict[str, Any]) -> Iterator[_Wrong]:
    if values.get("username") and not values.get("password_file") and "password" not in values:
        try:
            values["password"] = topics.password(secrets.credential())
        except UnicodeDecodeError:
            yield "mqtt", "username", f"expected a password in UTF-8 in {secrets.PASSWORD_PATH}"
        except ValueError as error:
            yield "mqtt", "username", f"{error} in {secrets.PASSWORD_PATH}"


def _certificates(values: dict[str, Any]) -> Iterator[_Wrong]:
    ca, cert, key = (values.get(name, "") for name in ("tls_ca", "tls_cert", "tls_key"))
    if not ca and not cert:
        return
    from . import tls  # it loads ssl, which costs memory

    for name, files in (("tls_ca", {"ca": ca}), ("tls_cert", {"cert": cert, "key": key})):
        try:
            tls.context(**files)
        except OSError as error:
            yield "mqtt", name, f"expected certificates and keys in PEM: {error.strerror or error}"


def _page(values: dict[str, Any]) -> Iterator[_Wrong]:
    """A page is never open by mistake."""
    if values.get("password_file") and not values.get("password", "-"):
        yield "web", "password_file", "expected a password in this file; it is empty"
    if "username" in values and "password_file" not in values:
        yield "web", "username", "expected password_file to be set as well"


def _overlap(found: Found) -> Iterator[Complaint]:
    """Home Assistant would take our arrays for descriptions; its topics hold both."""
    at, discovery = found.get(("homeassistant", "discovery"), (None, False))
    if not at or not discovery:
        return
    topic_at, topic = found.get(("mqtt", "topic"), (None, Mqtt.topic))
    prefix_at, prefix = found.get(("homeassistant", "prefix"), (None, HomeAssistant.prefix))
    place = topic_at or prefix_at or at
    if len(topic.encode()) + len(prefix.encode()) > topics.LONGEST_TOPIC:
        yield (
            place,
            "[mqtt] topic: expected it and [homeassistant] prefix to have together at most "
            f"{topics.LONGEST_TOPIC} bytes",
        )
    if f"{topic}/".startswith(f"{prefix}/"):
        yield (
            place,
            f"[mqtt] topic: lies under [homeassistant] prefix ({prefix_at or 'the default'}), "
            "which is for descriptions only; choose another topic",
        )
