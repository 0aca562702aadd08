"""The package of a version that comes after ours: the same program, a number, other defaults."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

SHIPPED = "usr/share/eflexcan2mqtt/eflexcan2mqtt.ini"


def later_deb(deb: Path, version: str, new_default: str, folder: Path) -> Path:
    """Make it in ``folder``; its INI ends with the line ``new_default``."""
    tree = folder / version
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(
        re.sub(r"^Version: .*", f"Version: {version}", control.read_text(), flags=re.MULTILINE)
    )
    with (tree / SHIPPED).open("a") as ini:
        ini.write(f"{new_default}\n")
    made = folder / f"eflexcan2mqtt_{version}_amd64.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", "-z1", tree, made],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return made
