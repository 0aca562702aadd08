"""Passwords and keys: where they come from, and which of their files all users may read."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from . import ini
from .schema import Config

CREDENTIAL = "mqtt-password"
PASSWORD_PATH = Path("/etc/eflexcan2mqtt.password")
SERVICE_INI = Path("/etc/eflexcan2mqtt.ini")
SERVICE = "eflexcan2mqtt.service"

_INI_OF_BANK = re.compile(r"eflexcan2mqtt-(.+)\.ini")

MOUNTED = Path("/run/secrets")
"""Here an engine mounts the secrets of a container, readable by all users in it."""


def service(ini: Path) -> str:
    """The service whose INI has this name, if it is in /etc."""
    bank = _INI_OF_BANK.fullmatch(ini.name)
    if not bank:
        return SERVICE
    # Until 1.3.0, a bank had a copy of the unit, which its owner may have kept.
    copy = f"eflexcan2mqtt-{bank[1]}.service"
    kept = (ini.with_name("systemd") / "system" / copy).exists()
    return copy if kept else f"eflexcan2mqtt@{bank[1]}.service"


def place_of_password(ini: Path) -> str:
    """Where the password of the service with this INI belongs."""
    return f"{PASSWORD_PATH}{'' if service(ini) == SERVICE else ', which all banks use'}"


def exposed(path: Path | None, config: Config) -> list[Path]:
    """The files with a password or key that all users of this machine may read.

    ``path`` is the INI.
    """
    names = (config.mqtt.password_file, config.mqtt.tls_key, config.web.password_file)
    files = [Path(each) for each in names if each and not Path(each).is_relative_to(MOUNTED)]
    if PASSWORD_PATH.exists():
        files.append(PASSWORD_PATH)
    if path and "password" in (each.key for each in ini.parse(path.read_bytes()).settings):
        files.append(path)
    return [each for each in files if each.stat().st_mode & stat.S_IROTH]


def warning(file: Path, path: Path | None) -> str:
    """What to do about an exposed file that the INI at ``path`` names, or that is the INI.

    The user of the service must still be able to read what it needs.
    """
    remedy = f"run `chmod 600 {file}`"
    ini = path.resolve() if path else Path()
    if ini == SERVICE_INI or (ini.parent == SERVICE_INI.parent and service(ini) != SERVICE):
        if file == path:
            remedy = f"move the password to {place_of_password(ini)}"
        elif file != PASSWORD_PATH:
            remedy += f", and {handing_over(file, service(ini))}"
    return f"{file}: readable by all users but holds a password or key: {remedy}"


def handing_over(file: Path, unit: str) -> str:
    """How a service gets a file that only root may read."""
    return (
        f"let systemd hand it to the service: `sudo systemctl edit {unit}`, and there "
        f"`[Service]` and `LoadCredential={file.name}:{file}`"
    )


def located(file: Path) -> Path:
    """Where to read a file that the INI names: systemd's copy of it, if there is one."""
    copy = _credentials() / file.name
    return copy if copy.is_file() else file


def _credentials() -> Path:
    return Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nowhere"))


def credential() -> str:
    """The service's password: systemd's copy of it, or the file itself for root; else empty."""
    for path in (_credentials() / CREDENTIAL, PASSWORD_PATH):
        if os.access(path, os.R_OK):
            return text(path.read_bytes())
    return ""


def text(content: bytes) -> str:
    """The password in a file, which some editors begin with a byte order mark."""
    return content.decode("utf-8-sig").strip("\r\n")
