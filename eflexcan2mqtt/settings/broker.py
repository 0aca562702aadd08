"""The text of [mqtt] hostname in, the settings that it holds out: a URL holds more than a host."""

from __future__ import annotations

import re
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


def parts(value: str) -> dict[str, Any]:
    """The settings of [mqtt] that ``host``, ``host:port`` or a URL holds, by their keys."""
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
