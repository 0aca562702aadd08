"""The text of [mqtt] hostname in, the settings that it holds, and the brokers, out.

It names a broker or several; a URL holds more than a host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import parsers

_SECURE = {"transport": "tcp", "tls": True, "port": 8883}
_SCHEMES: dict[str, dict[str, Any]] = {
    "mqtt": {"transport": "tcp"},
    "tcp": {"transport": "tcp"},
    "mqtts": _SECURE,
    "ssl": _SECURE,
    "tls": _SECURE,
    "ws": {"transport": "websockets", "port": 80},
    "wss": {"transport": "websockets", "tls": True, "port": 443},
}
_PLACE = re.compile(r"(\[.*\]|[^:]*)(?::(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Broker:
    """Where a broker is; as text, its name in the log."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"


def parts(value: str) -> dict[str, Any]:
    """The settings of [mqtt] that a hostname holds, by their keys.

    It is ``host``, ``host:port`` or a URL, or a list of them.  Of a list, ``hostname`` has all
    hosts, and the ports of those that have one.
    """
    if "," not in value:
        return _parts(value)
    every = list(_each_parts(value))
    places = [_place(each.pop("hostname"), each.pop("port", None)) for each in every]
    if any(each != every[0] for each in every):
        raise ValueError("expected all brokers with the same beginning, like mqtts://, and path")
    return {**every[0], "hostname": ", ".join(places)}


def _each_parts(value: str) -> Iterator[dict[str, Any]]:
    texts = value.split(",")
    for number, each in enumerate(texts, 1):
        try:
            yield _parts(each.strip())
        except ValueError as error:
            raise ValueError(f"broker {number} of {len(texts)}: {error}") from None


def listed(hostname: str, port: int) -> tuple[Broker, ...]:
    """The brokers of a hostname from ``parts``; ``port`` is that of brokers without one."""
    every = _each_parts(hostname)
    return tuple(Broker(each["hostname"], each.get("port", port)) for each in every)


def _place(host: str, port: int | None) -> str:
    return str(Broker(host, port)) if port else _bracketed(host)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _parts(value: str) -> dict[str, Any]:
    scheme, url, rest = value.rpartition("://")
    place, slash, behind = rest.partition("/")
    if "@" in value:
        raise ValueError("expected no user and password here: write username and password")
    if url and scheme.lower() not in _SCHEMES:
        known = ", ".join(f"{each}://" for each in _SCHEMES)
        raise ValueError(f"expected a host name, or a URL that begins with one of {known}")
    found = dict(_SCHEMES.get(scheme.lower(), {}))
    if slash and found.get("transport") == "websockets":
        found["path"] = path(f"/{behind}")
    elif behind or (slash and not url):
        raise ValueError("expected nothing behind the host and port; arrays go to topic")
    name, number = place, None
    # More colons are those of an IPv6 address.
    if (place.count(":") < 2 or place.startswith("[")) and (both := _PLACE.fullmatch(place)):
        name, number = both.groups()
    found["hostname"] = parsers.host(name)
    if number is not None:
        try:
            found["port"] = parsers.port(number)
        except ValueError as error:
            raise ValueError(f"behind the host, {error}") from None
    return found


def path(value: str) -> str:
    """The path of a URL."""
    if not re.fullmatch(r"/[!-~]*", value):
        raise ValueError("expected a path like /mqtt")
    return value
