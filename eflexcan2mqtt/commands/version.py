"""What runs here, from facts that are found here alone: for reports of problems, and upgrades."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from .. import __version__

_PACKAGE = Path(__file__).parents[1]

BUILD = "build.txt"
"""The date and the architecture; packaging/eflexcan2mqtt.spec writes it into the package."""

_FROZEN = {
    "usr/lib/eflexcan2mqtt": "Debian package",
    "usr/local/bin/eflexcan2mqtt": "release, by install.sh",
}
"""How a frozen program was installed, by how its folder ends."""

_VENV = "usr/local/lib/eflexcan2mqtt"
"""Where install.sh puts the program from its source."""

_MARKS = (Path("/run/.containerenv"), Path("/.dockerenv"))
"""Files by which podman and Docker mark their containers."""

_LIBRARIES = ("python-can", "paho-mqtt", "prometheus-client", "rich", "pyserial", "msgpack")


def version() -> str:
    """In a line, as ``--version`` prints it."""
    return f"eflexcan2mqtt {__version__}"


def details() -> Iterator[str]:
    """Lines, each of which names one fact."""
    yield version()
    yield f"build: {_build()}"
    yield f"installed: {', '.join([_installed(), *_surroundings()])}"
    yield f"Python: {sys.version.split()[0]}"
    for name in _LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            yield f"{name}: {metadata.version(name)}"


def _build() -> str:
    with suppress(OSError):
        return (_PACKAGE / BUILD).read_text().strip()
    with suppress(OSError):
        git = _PACKAGE.parent / ".git"
        head = (git / "HEAD").read_text().strip()
        branch = head.removeprefix("ref: ")
        commit = head if branch == head else (git / branch).read_text().strip()
        return f"source, commit {commit[:12]}"
    return "source"


def _installed() -> str:
    if hasattr(sys, "frozen"):
        folder = Path(sys.executable).resolve().parent
        how = (each for end, each in _FROZEN.items() if str(folder).endswith(f"/{end}"))
        return next(how, f"release, unpacked in {folder}")
    if (_PACKAGE.parent / "main.py").exists():
        return f"checkout in {_PACKAGE.parent}"
    if sys.prefix.endswith(f"/{_VENV}"):
        return "source, by install.sh"
    if Path(sys.prefix, "pipx_metadata.json").exists():
        return "pipx"
    try:
        installer = metadata.distribution("eflexcan2mqtt").read_text("INSTALLER")
    except metadata.PackageNotFoundError:
        return f"copied to {_PACKAGE}"
    return (installer or "package").strip()


def _surroundings() -> Iterator[str]:
    if "SUPERVISOR_TOKEN" in os.environ:
        yield "in a Home Assistant app"
    elif "container" in os.environ or any(map(Path.exists, _MARKS)):
        yield "in a container"
