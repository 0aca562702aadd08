"""The settings: the name, default, valid values and meaning of each.

A section of the INI is a dataclass here or in another module of this folder, with its meaning as
docstring; a setting is a field of it, with its key as name.  describe.py makes the shipped INI and
the table of settings from this.  Reads no file.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..protocol.fields import DOCUMENTED, STAGES
from . import broker, parsers, paths, topics
from .attention import AttentionSettings
from .energy import EnergySettings
from .history import HistorySettings
from .recorder import RecorderSettings
from .setting import setting as _setting
from .storage import SpoolSettings as SpoolSettings  # noqa: PLC0414 - others import it from here
from .storage import StorageSettings
from .web import WebSettings as WebSettings  # noqa: PLC0414 - others import it from here


@dataclass(frozen=True)
class Logging:
    """The log of the program itself."""

    log_level: str = _setting("info", f"One of {', '.join(parsers.LOG_LEVELS)}.", parsers.log_level)
    log_dir: str = _setting(
        "",
        "A folder for the log file eflexcan2mqtt.out (512 KiB, the last 5 are kept). Without one, "
        "the log goes to stderr only, which the service sends to the journal.",
        paths.path,
    )
    profile: bool = _setting(
        False,
        "yes: log the memory of the process at the start, after each array and at the end.",
        parsers.switch,
    )


@dataclass(frozen=True)
class Can:
    """The bus. Settings that only some interfaces know belong here, too: tty_baudrate for slcan,
    host and port for socketcand."""

    interface: str = _setting(
        "socketcan",
        "socketcan for CAN HATs and most USB adapters, slcan for serial adapters, socketcand or "
        "udp_multicast for a bus on the network; virtual is for tests.",
        parsers.interface,
    )
    channel: str = _setting(
        "can0",
        "The CAN interface, as in the output of `ip link`; with slcan the serial port, like "
        "/dev/ttyACM0.",
        parsers.text("the name of a CAN interface, like can0"),
    )
    bitrate: int = _setting(
        250_000,
        "In bit/s. With socketcan this changes nothing: the system sets the bit rate of the "
        "interface.",
        parsers.whole(1, 1_000_000),
    )
    options: tuple[tuple[str, Any], ...] = ()  # the other settings of the interface: can_options


@dataclass(frozen=True)
class Mqtt:
    """The broker, and what is sent to it. Relative paths start at the folder of the INI."""

    hostname: str = _setting(
        "localhost",
        "The broker: a host name or an address, alone, with its port, or as a URL such as "
        "mqtts://broker.lan:8883. Of several brokers, such as a.lan, b.lan:1884, the first that "
        "works is used.",
        broker.parts,
    )
    port: int = _setting(
        1883,
        "The port of the broker, or of those in a list without one; with TLS it is usually 8883.",
        parsers.whole(1, 65_535),
    )
    keepalive: int = _setting(
        60,
        "In seconds. If the broker does not answer, the connection ends after about twice this "
        "time.",
        parsers.whole(1, 65_535),
    )
    version: str = _setting(
        "auto",
        "The version of MQTT: auto (5, or 3.1.1 with a broker that does not accept 5), 5 or "
        "3.1.1. With 3.1.1 a broker cannot say that it refuses an array.",
        parsers.one_of("auto", "5", "3.1.1"),
        example="3.1.1",  # not a line that 1.2.0 would refuse
    )
    transport: Literal["tcp", "websockets"] = _setting(
        "tcp",
        "tcp, or websockets for a broker behind a web server.",
        parsers.one_of("tcp", "websockets"),
        example="websockets",
    )
    path: str = _setting(
        "/mqtt", "The path of the broker on its web server.", broker.path, example="/mqtt"
    )
    client_id: str = _setting(
        "eflexcan2mqtt", "No other client of the broker may use the same id.", topics.text
    )
    qos: int = _setting(
        2,
        "0: arrays can be lost; 1: all arrive, some twice; 2: all arrive, once, but for those in "
        "flight when a connection, the broker or the program dies. A broker without QoS 2 gets 1.",
        parsers.whole(0, 2),
    )
    topic: str = _setting(
        "eflexbatteries",
        "The topic of the arrays; `<topic>/status` says online or offline.",
        topics.topic,
    )
    publish_interval: float = _setting(
        0.0,
        "In seconds. 0 publishes each cycle of the batteries, about one a second; 60 publishes "
        "about one a minute.",
        parsers.number("seconds", 86_400, "a day", zero=True),
    )
    fields: str = _setting(
        DOCUMENTED,
        "documented: the keys of the original program; extended: also alarms, relays, "
        "temperatures and limits; experimental: also guesses and raw bytes.",
        parsers.one_of(*STAGES),
    )
    values: bool = _setting(
        False,
        "yes: also a topic for each value of the bank, such as `<topic>/bank/soc`, for evcc, "
        "OpenDTU-OnBattery or Node-RED.",
        parsers.switch,
        example="yes",
    )
    username: str = _setting(
        "",
        "The user, if the broker asks for one. The service reads the password from "
        "/etc/eflexcan2mqtt.password, which only root can read.",
        topics.text,
        example="solar",
    )
    password: str = _setting(
        "",
        "The user's password, if the program does not run as the service. Then make the INI "
        "private: `chmod 600 FILE`.",
        topics.password,
        example="",
        secret=True,
    )
    password_file: str = _setting(
        "", "A file that holds the password, instead of it.", paths.path, example=""
    )
    tls: bool = _setting(
        False,
        "yes: encrypt the connection, and check the broker's certificate.",
        parsers.switch,
        example="yes",
    )
    tls_ca: str = _setting(
        "",
        "The certificate of the authority that signed the broker's. Without it, those that the "
        "system trusts.",
        paths.path,
        example="/etc/ssl/certs/my-ca.pem",
    )
    tls_cert: str = _setting(
        "", "A client certificate, if the broker asks for one.", paths.path, example=""
    )
    tls_key: str = _setting("", "The key of the client certificate.", paths.path, example="")
    tls_insecure: bool = _setting(
        False,
        "yes: accept a valid certificate of another host name.",
        parsers.switch,
        example="no",
    )

    @property
    def brokers(self) -> tuple[broker.Broker, ...]:
        """All brokers, in the order in which they are tried."""
        return broker.listed(self.hostname, self.port)

    @property
    def name(self) -> str:
        """The broker, or all of them, as the log names them."""
        return ", ".join(map(str, self.brokers))

    @property
    def each(self) -> tuple[Mqtt, ...]:
        """The settings for each broker alone."""
        return tuple(replace(self, hostname=one.host, port=one.port) for one in self.brokers)


@dataclass(frozen=True)
class HomeAssistant:
    """The batteries and the bank in Home Assistant."""

    discovery: bool = _setting(
        False,
        "yes: they appear by themselves, in Home Assistant 2024.11 or later.",
        parsers.switch,
    )
    prefix: str = _setting(
        "homeassistant",
        "The discovery prefix in the settings of Home Assistant's MQTT integration.",
        topics.topic,
    )
    cells: str = _setting(
        "disabled",
        "The 16 cells of each battery: disabled (they exist, but are off until you enable them), "
        "enabled or none.",
        parsers.one_of("disabled", "enabled", "none"),
    )
    interval: float = _setting(
        10.0,
        "In seconds, how often values are sent; 0 sends each cycle. Alarms, relays, and what needs "
        "attention are sent at once. A value without a successor for three intervals is shown as "
        "unavailable.",
        parsers.number("seconds", 3600, "an hour", zero=True),
        example="10",
    )
    area: str = _setting(
        "",
        "The area of new devices, such as Garage; one that you choose in Home Assistant stays.",
        topics.text,
        example="Garage",
    )


@dataclass(frozen=True)
class Config:
    """A whole INI; without arguments, what holds without one."""

    logging: Logging = Logging()
    can: Can = Can()
    mqtt: Mqtt = Mqtt()
    storage: StorageSettings = StorageSettings()  # noqa: RUF009 - frozen, as the others are
    spool: SpoolSettings = SpoolSettings()  # noqa: RUF009 - frozen, as the others are
    history: HistorySettings = HistorySettings()  # noqa: RUF009 - frozen, as the others are
    recorder: RecorderSettings = RecorderSettings()  # noqa: RUF009 - frozen, as the others are
    homeassistant: HomeAssistant = HomeAssistant()
    energy: EnergySettings = EnergySettings()  # noqa: RUF009 - frozen, as the others are
    attention: AttentionSettings = AttentionSettings()  # noqa: RUF009 - frozen, as the others are
    web: WebSettings = WebSettings()  # noqa: RUF009 - frozen, as the others are


SECTIONS: dict[str, type[Any]] = {
    each.name: type(each.default) for each in dataclasses.fields(Config)
}


def settings(section: str) -> dict[str, dataclasses.Field[Any]]:
    """The settings of a section by their keys, without what is no line of the INI."""
    fields = dataclasses.fields(SECTIONS[section])
    return {each.name: each for each in fields if "parse" in each.metadata}
