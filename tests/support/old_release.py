"""A version that was released before, as its owners have it: unpacked from the history."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

HOME = Path(__file__).parents[2]
TARBALL = "eflexcan2mqtt_x86_64"


def has_history() -> bool:
    """Whether these sources are a clone: a copy of them has no commits."""
    look = ["git", "rev-parse", "--quiet", "--verify", "HEAD"]
    return subprocess.run(look, cwd=HOME, check=False, capture_output=True).returncode == 0


def old_release(version: str, folder: Path) -> Path:
    """Unpack the tarball of a released version below ``folder``; returns what it unpacks to.

    dist/ holds the current release only, and git its predecessors.  Raises LookupError if the
    history has no such release, or not all of it is here.
    """
    shallow = _git("rev-parse", "--is-shallow-repository").strip() == b"true"
    found = _git(
        "log", "-1", "--format=%H", "--fixed-strings", f"--grep=Add the release {version}:"
    )
    if not (commit := found.decode().strip()):
        remedy = "run `git fetch --unshallow`" if shallow else "no commit adds it to dist/"
        raise LookupError(f"the history of {HOME} has no release {version}: {remedy}")
    archive = _git("show", f"{commit}:dist/{TARBALL}.tgz")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder / TARBALL


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=HOME, check=True, capture_output=True).stdout
