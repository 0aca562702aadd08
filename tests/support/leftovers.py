"""A pytest plugin: a run fails if a process that it started is still there at its end.

Every process inherits the environment of the run, whatever else becomes of it: a variable in it
tells ours from others.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Generator
from pathlib import Path

import pytest

VARIABLE = "EFLEX_TEST_RUN"
GRACE_S = 10.0
"""For processes that are about to end, as the workers of xdist are."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Mark all processes to come.  The workers of xdist are the first of them."""
    if not _is_worker(session):
        os.environ[VARIABLE] = uuid.uuid4().hex


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Name what is left, and fail; the fixtures and workers of the run have ended by now."""
    yield
    if _is_worker(session):
        return
    left = survivors(os.environ[VARIABLE])
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        write = session.config.get_terminal_writer().line
        write("\nprocesses left behind by the tests:", red=True)
        for pid, command in left.items():
            write(f"  {pid}: {command}")


def survivors(run: str) -> dict[int, str]:
    """The command line of each process of a run, by its id; some seconds after they had to end."""
    deadline = time.monotonic() + GRACE_S
    while (left := processes(run)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def processes(run: str) -> dict[int, str]:
    """The command line of each process of a run, by its id."""
    wanted = f"{VARIABLE}={run}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(folder.name)] = command.decode(errors="replace").strip()
        except OSError:
            continue  # it has just ended, or belongs to somebody else
    return found


def _is_worker(session: pytest.Session) -> bool:
    return hasattr(session.config, "workerinput")
