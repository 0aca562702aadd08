"""A disk whose every fsync takes long, for a program that is started with it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

COMPILER = shutil.which("gcc") or shutil.which("cc")
FSYNC_MS = 400

_CODE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

static int slowly(const char *name, int file) {
    usleep(%d * 1000);
    return ((int (*)(int)) dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return slowly("fsync", file); }
int fdatasync(int file) { return slowly("fdatasync", file); }
"""


def slow_disk(folder: Path, fsync_ms: int = FSYNC_MS) -> dict[str, str]:
    """The environment variables that make the disk of a program slow."""
    assert COMPILER
    source, library = folder / "slow_disk.c", folder / "slow_disk.so"
    source.write_text(_CODE % fsync_ms)
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}
