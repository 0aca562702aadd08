"""Where passwords and keys come from, and who may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from . import ini
from .schema import Mqtt

CREDENTIAL = "mqtt-password"
PASSWORD_PATH = Path("/etc/eflexcan2mqtt.password")


def exposed(path: Path, mqtt: Mqtt) -> list[Path]:
    """The files with a password that everybody on this machine may read."""
    files = [Path(each) for each in (mqtt.password_file, mqtt.tls_key) if each]
    if PASSWORD_PATH.exists():
        files.append(PASSWORD_PATH)
    if "password" in (each.key for each in ini.parse(path.read_bytes()).settings):
        files.append(path)
    return [each for each in files if each.stat().st_mode & stat.S_IROTH]


def credential() -> str:
    """The password that systemd hands to the service, or to root the file it comes from."""
    handed = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nowhere")) / CREDENTIAL
    for path in (handed, PASSWORD_PATH):
        if os.access(path, os.R_OK):
            return path.read_text("utf-8").strip("\r\n")
    return ""
