"""A copy of the source, as a clone of it would be, and the program that it installs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[2]
THIS_PYTHON = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
"""The PATH for an install.sh that is to use the Python of the tests."""


def copy_checkout(folder: Path) -> Path:
    """Copy what git tracks, or would add, into a new folder; what is released is left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ":!dist"],
        cwd=HOME,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (HOME / name).exists():  # a file can be removed, but not yet committed
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(HOME / name, target)
    return folder


def install(folder: Path) -> list[str | Path]:
    """Run install.sh of a copy into a new folder, as root of a file system; how to start it."""
    root = folder / "root"
    subprocess.run(
        [copy_checkout(folder / "checkout") / "install.sh"],
        env={**os.environ, "DESTDIR": str(root), "PATH": THIS_PYTHON},
        check=True,
        capture_output=True,
    )
    return installed(root)


def installed(root: Path) -> list[str | Path]:
    """The program that install.sh put there; its first line names a Python that is not there."""
    python = root / "usr/local/lib/eflexcan2mqtt/bin/python"
    return [python, "-I", root / "usr/local/bin/eflexcan2mqtt/eflexcan2mqtt"]
