"""The check that no test leaves a process behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEAVES = """\
import subprocess

def test_it():
    subprocess.Popen(["sleep", "{seconds}"], start_new_session=True)
"""


def run_of(folder, seconds, *options):
    """A run of pytest with one test, which leaves a process behind for so long."""
    test = folder / "test_it.py"
    test.write_text(LEAVES.format(seconds=seconds))
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", folder),
            *("-p", "tests.support.leftovers", "-p", "no:cacheprovider", *options, test),
        ],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("options", [(), ("--numprocesses=1",)])
def test_a_process_that_stays_fails_the_run_and_is_named(tmp_path, options):
    done = run_of(tmp_path, 61, *options)
    named = re.search(r"^  (\d+): sleep 61$", done.stdout, re.MULTILINE)
    assert named, done.stdout
    os.kill(int(named[1]), signal.SIGKILL)
    assert "1 passed" in done.stdout
    assert done.returncode == 1


def test_a_process_that_is_about_to_end_is_given_time(tmp_path):
    done = run_of(tmp_path, 1)
    assert "left behind" not in done.stdout
    assert done.returncode == 0, done.stdout
