"""An interface of python-can in, the Python package that it needs and that is not there out."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

_PACKAGES = {
    **dict.fromkeys(("robotell", "seeedstudio", "serial", "slcan"), ("serial", "pyserial")),
    "canalystii": ("canalystii", "canalystii"),
    "cantact": ("cantact", "cantact"),
    "gs_usb": ("gs_usb", "gs-usb"),
    "neovi": ("ics", "python-ics"),
    "udp_multicast": ("msgpack", "msgpack"),
}
"""The Python packages that interfaces need: what is imported, and what is installed."""

NOT_RELEASED = "this release does not have it: run eflexcan2mqtt from its sources"
"""What to do about an interface that a frozen program lacks."""


def missing_package(interface: str) -> str | None:
    """The package to install; None if the interface needs none, or has it."""
    module, package = _PACKAGES.get(interface, ("can", ""))
    return None if find_spec(module) else package


def how_to_install(package: str) -> str:
    """What to run, for the Python that runs us: a release's, pipx's or another one."""
    if hasattr(sys, "frozen"):
        return NOT_RELEASED
    if (Path(sys.prefix) / "pipx_metadata.json").exists():
        return f"run 'pipx inject eflexcan2mqtt {package}'"
    return f"run '{sys.executable} -m pip install {package}'"
