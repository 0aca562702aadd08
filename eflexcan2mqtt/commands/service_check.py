"""An INI and the files that it names in; what root can read but the service's user cannot, out."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..settings import secrets
from ..settings.schema import Config
from . import Finding

ANSWER_S = 5.0

_HIDDEN = {
    "ProtectHome=yes": ("/home", "/root", "/run/user"),
    "PrivateTmp=yes": ("/tmp", "/var/tmp"),  # noqa: S108 (named only)
}
"""What a setting of the unit hides from the service."""

_CREDENTIAL = re.compile(r"(?m)^LoadCredential=[^:\n]+:(.+)$")


def readable(config: Config, ini: Path | None) -> Iterator[Finding]:
    """Whether the service can read its files: only for root, and for the INI of the unit."""
    unit = _unit() if ini and os.geteuid() == 0 else ""
    if not ini or not re.search(rf"(?m)^ExecStart=.* {re.escape(str(ini.absolute()))}\b", unit):
        return
    mqtt, web = config.mqtt, config.web
    files = (mqtt.password_file, mqtt.tls_ca, mqtt.tls_cert, mqtt.tls_key, web.password_file)
    handed_over = [Path(each) for each in _CREDENTIAL.findall(unit)]
    if not _can_read(ini, unit):
        remedy = f"run `chmod 644 {ini}`, and keep its password in {secrets.PASSWORD_PATH}"
        yield Finding(False, f"{ini}: the service's user cannot read it: {remedy}")
    for file in (Path(each).absolute() for each in files if each):
        if file not in handed_over and not _can_read(file, unit):
            remedy = secrets.handing_over(file)
            yield Finding(False, f"{file}: the service's user cannot read it: {remedy}")


def _unit() -> str:
    """The installed unit with its drop-ins; empty if there is none."""
    command = ["systemctl", "cat", secrets.SERVICE]
    try:
        done = subprocess.run(  # noqa: S603 (our own words)
            command, capture_output=True, text=True, check=False, timeout=ANSWER_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if not done.returncode and "\nDynamicUser=yes" in done.stdout else ""


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
