"""A copy of the source, as a clone of it would be."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HOME = Path(__file__).parents[2]


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
