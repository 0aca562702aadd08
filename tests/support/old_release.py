"""A version that was released before, as its owners have it: unpacked from the history."""

from __future__ import annotations

import io
import shutil
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
    current = HOME / "dist" / f"{TARBALL}.tgz"
    if current.exists() and _version(_unpacked(current.read_bytes(), folder)) == version:
        return folder / TARBALL
    shallow = _git("rev-parse", "--is-shallow-repository").strip() == b"true"
    found = _git(
        "log", "-1", "--format=%H", "--fixed-strings", f"--grep=Add the release {version}:"
    )
    if not (commit := found.decode().strip()):
        remedy = "run `git fetch --unshallow`" if shallow else "no commit adds it to dist/"
        raise LookupError(f"the history of {HOME} has no release {version}: {remedy}")
    shutil.rmtree(folder / TARBALL, ignore_errors=True)
    return _unpacked(_git("show", f"{commit}:dist/{TARBALL}.tgz"), folder)


def _unpacked(archive: bytes, folder: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder / TARBALL


def _version(release: Path) -> str:
    return (release / "VERSION").read_text().split()[0]


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=HOME, check=True, capture_output=True).stdout
