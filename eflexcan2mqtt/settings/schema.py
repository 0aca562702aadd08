"""The settings: what each is called, what it may be, and what holds without it.

A section of the INI is a dataclass here and a setting is a field of it: its name is the key, and
its default and its parser stand beside it.  Reads no file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..protocol.fields import DOCUMENTED, STAGES
from . import parsers


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


@dataclass(frozen=True)
class Config:
    """A whole INI; without arguments, what holds without one."""

    logging: Logging = Logging()
    can: Can = Can()
    mqtt: Mqtt = Mqtt()
    spool: Spool = Spool()
    homeassistant: HomeAssistant = HomeAssistant()
    web: Web = Web()


SECTIONS: dict[str, type[Any]] = {
    each.name: type(each.default) for each in dataclasses.fields(Config)
}
