"""The machine of a test run: booted once, ended with the run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machine import Machine

IMAGE_S = 1800


@pytest.fixture(scope="session")
def image() -> Path:
    """The folder of the disk image; made first if there is none of this recipe."""
    started = time.monotonic()
    made = subprocess.run(
        [Path(__file__).with_name("image.sh")],
        stdout=subprocess.PIPE,
        text=True,
        timeout=IMAGE_S,
        check=True,
    )
    print(f"\nimage: {time.monotonic() - started:.1f} s")
    return Path(made.stdout.strip())


@pytest.fixture(scope="session")
def machine(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A booted machine, the same for all tests: each leaves it as it found it."""
    started = time.monotonic()
    booted = Machine(image, tmp_path_factory.mktemp("machine"))
    print(f"boot: {time.monotonic() - started:.1f} s; console: {booted.console}")
    yield booted
    booted.close()
