"""A log of many megabytes."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.support.bank import candump_line, cycles
from tests.support.program import LOG, MAIN

CODE = (
    "import sys; from eflexcan2mqtt.cli import main; status = main();"
    "open('status', 'w').write(open('/proc/self/status').read()); sys.exit(status)"
)
"""The program; it writes down its own peak, for who looks at it from outside misses the end."""


@pytest.fixture(scope="module")
def long_log(tmp_path_factory):
    """About 40 MB of one bank."""
    text = "".join(candump_line(f) for burst in cycles([1, 2, 3], 255) for f in burst)
    path = tmp_path_factory.mktemp("long") / "long.log"
    with path.open("w") as file:
        for _ in range(65):
            file.write(text)
    return path


def test_a_long_log_runs_in_constant_memory_and_shows_its_progress(long_log, tmp_path):
    def peak(path):
        terminal, stderr = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, "--input", path, "--output", "json"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(MAIN.parent)},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        os.close(stderr)
        shown = b""
        while process.poll() is None:
            if select.select([terminal], [], [], 0.05)[0]:
                with suppress(OSError):  # the other end is closed
                    shown += os.read(terminal, 4096)
        os.close(terminal)
        assert process.returncode == 0
        [weight] = re.findall(r"VmHWM:\s*(\d+) kB", (tmp_path / "status").read_text())
        return int(weight), shown

    short, _ = peak(LOG)
    weight, shown = peak(long_log)
    assert weight - short < 4000  # KiB, of a log of 40 MB
    percents = [int(each.split()[0]) for each in shown.decode().split("\r") if each.endswith("% ")]
    assert len(percents) >= 2
    assert percents == sorted(percents)
