"""A module that Python did not find in, what to do about it out: for a clone whose packages are
not installed, and for a virtual environment that an upgrade of the system left without them."""

from __future__ import annotations

import sys
from pathlib import Path

_HOME = Path(__file__).parents[2]
"""The clone; else the folder of the installed packages."""


def remedy(error: ModuleNotFoundError) -> str | None:
    """A sentence for the user; None if no package is missing, but a module of a package, of
    Python or of ours: that is a bug, or a broken release, and worth a traceback."""
    name = error.name or ""
    ours = __name__.partition(".")[0]
    if "." in name or name in sys.stdlib_module_names | {"", ours} or hasattr(sys, "frozen"):
        return None
    version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    return f"{sys.executable} ({version}) has no module '{name}': {_what_to_run()}"


def _what_to_run() -> str:
    if not (_HOME / "install.sh").exists():
        return "install eflexcan2mqtt again"
    venv = _HOME / ".venv"
    if not venv.exists():
        return "run `make demo` to try the program, or `sudo ./install.sh` to install it"
    if Path(sys.prefix) == venv or not (venv / "bin/python").exists():
        return f"run `rm -rf {venv} && make demo`, which makes that environment again"
    return f"run `{venv}/bin/python {_HOME}/main.py` instead"
