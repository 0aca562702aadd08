"""The machine of a test run: booted once, ended with the run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import machine as system
from tests.support.machine import Machine


@pytest.fixture(scope="session")
def image() -> Path:
    """The folder of the disk image."""
    started = time.monotonic()
    folder = system.image()
    print(f"\nimage: {time.monotonic() - started:.1f} s")
    return folder


@pytest.fixture(scope="session")
def machine(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A booted machine, the same for all tests: each leaves it as it found it."""
    started = time.monotonic()
    booted = Machine(image, tmp_path_factory.mktemp("machine"))
    print(f"boot: {time.monotonic() - started:.1f} s; console: {booted.console}")
    yield booted
    booted.close()
