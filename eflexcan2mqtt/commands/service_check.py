"""The service's unit and an INI in; what root can do but the service cannot, out."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..settings import secrets
from ..settings.schema import Config
from ..sinks.web.address import Address
from . import Finding

ANSWER_S = 5.0

_HIDDEN = {
    "ProtectHome=yes": ("/home", "/root", "/run/user"),
    "PrivateTmp=yes": ("/tmp", "/var/tmp"),  # noqa: S108 (named only)
}
"""What a setting of the unit hides from the service."""

_FOLDERS = {
    "StateDirectory": "/var/lib",
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
}
"""Settings of the unit that give the service folders that last, and where these are."""

_FIRST_FREE_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")

_CREDENTIAL = re.compile(r"(?m)^LoadCredential=[^:\n]+:(.+)$")


def unit_of(ini: Path | None) -> str:
    """The unit whose service uses this INI; empty without one, or if root does not ask."""
    unit = _unit(secrets.service(ini)) if ini and os.geteuid() == 0 else ""
    used = ini and re.search(rf"(?m)^ExecStart=.* {re.escape(str(ini.absolute()))}\b", unit)
    return unit if used else ""


def readable(config: Config, ini: Path, unit: str) -> Iterator[Finding]:
    """Whether the service can read its files."""
    mqtt, web = config.mqtt, config.web
    files = (mqtt.password_file, mqtt.tls_ca, mqtt.tls_cert, mqtt.tls_key, web.password_file)
    handed_over = [Path(each) for each in _CREDENTIAL.findall(unit)]
    if not _can_read(ini, unit):
        place = secrets.place_of_password(ini)
        remedy = f"run `chmod 644 {ini}`, and keep its password in {place}"
        yield Finding(False, f"{ini}: the service's user cannot read it: {remedy}")
    for file in (Path(each).absolute() for each in files if each):
        if file not in handed_over and not _can_read(file, unit):
            remedy = secrets.handing_over(file, secrets.service(ini))
            yield Finding(False, f"{file}: the service's user cannot read it: {remedy}")


def can_listen(address: Address, unit: str) -> bool:
    """Whether the service may have a port that root can have."""
    granted = "CAP_NET_BIND_SERVICE" in _values("AmbientCapabilities", unit)
    # Among users of its own, a capability does not hold for the machine's network.
    private = _values("PrivateUsers", unit)[-1:] == ["yes"]
    return address.port >= first_free_port() or (granted and not private)


def first_free_port() -> int:
    """The lowest port that needs no capability."""
    return int(_FIRST_FREE_PORT.read_text())


def can_keep(directory: Path, unit: str) -> bool:
    """Whether the service can write to a folder, or make it there, and finds it again later."""
    own = [
        Path(parent, name)
        for setting, parent in _FOLDERS.items()
        for name in _values(setting, unit)
    ]
    own += [Path(each.lstrip("+-")) for each in _values("ReadWritePaths", unit)]
    # A relative one is below the unit's WorkingDirectory.
    return not directory.is_absolute() or any(
        directory.resolve().is_relative_to(folder.resolve()) for folder in own
    )


def state_folder(unit: str) -> Path | None:
    """The folder that a unit gives the service for what is kept."""
    names = _values("StateDirectory", unit)
    return Path(_FOLDERS["StateDirectory"], names[0]) if names else None


def _values(setting: str, unit: str) -> list[str]:
    """The words of a setting of the unit."""
    return " ".join(re.findall(rf"(?m)^{setting}=(.*)$", unit)).split()


def _unit(name: str) -> str:
    """The installed unit with its drop-ins; empty if there is none."""
    command = ["systemctl", "cat", name]
    # The libraries of the frozen program are too old for the systemctl of a newer Debian.
    environment = {key: os.environ[key] for key in os.environ if key != "LD_LIBRARY_PATH"}
    try:
        done = subprocess.run(  # noqa: S603 (our own words)
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=ANSWER_S,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if done.returncode or "\nDynamicUser=yes" not in done.stdout:
        return ""
    # Of a template, systemctl shows the text that all its services share.
    _, _, instance = name.removesuffix(".service").partition("@")
    return done.stdout.replace("%i", instance)


def _can_read(file: Path, unit: str) -> bool:
    """Whether a user who owns nothing can read a file under a unit."""
    path = file.resolve()
    hidden = [
        folder for line, folders in _HIDDEN.items() if f"\n{line}" in unit for folder in folders
    ]
    return (
        bool(path.stat().st_mode & 0o004)
        and all(folder.stat().st_mode & 0o001 for folder in path.parents)
        and not any(path.is_relative_to(folder) for folder in hidden)
    )
