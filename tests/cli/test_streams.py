"""Standard streams as shells, services and cron jobs leave them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.faults import seen
from tests.support.program import LOG, MAIN


def shell(tmp_path, arguments, redirections, **environment):
    """The program, started by a shell with redirections."""
    command = shlex.join([sys.executable, str(MAIN), *map(str, arguments)])
    return subprocess.run(
        ["bash", "-c", f"{command} {redirections}"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


JSON = ["--input", LOG, "--output", "json"]
CHECK = ["--check", "--input", "simulator", "--output", "json"]


@pytest.mark.parametrize(
    ("arguments", "redirections", "status"),
    [
        (JSON, ">&-", 1),
        (JSON, ">&- 2>&-", 1),
        (JSON, "2>&-", 0),
        (CHECK, ">&-", 1),
        (CHECK, ">&- 2>&- <&-", 1),
        (["--help"], ">&- 2>&-", 1),
        (["--frobnicate"], ">&- 2>&-", 2),
        (["-c", "gone.ini"], ">&- 2>&-", 78),
        (["--input", "-", "--output", "json"], "<&-", 1),
    ],
)
def test_closed_streams_leave_the_exit_status_as_documented(
    tmp_path, arguments, redirections, status
):
    done = shell(tmp_path, arguments, redirections)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    if redirections == ">&-":
        seen("stdout was closed before the start", done.stderr)


def test_a_closed_stdout_does_not_become_that_of_a_socket(closed):
    """Arrays on stdout would go to whatever gets its number."""
    for number in (0, 1, 2):
        assert target(Path(f"/proc/{closed.pid}/fd/{number}")) == "/dev/null"


@pytest.fixture
def closed(tmp_path):
    command = shlex.join([sys.executable, str(MAIN), "--input", "simulator", "--output", "web"])
    process = subprocess.Popen(["bash", "-c", f"exec {command} <&- >&- 2>&-"], cwd=tmp_path)
    from tests.support.broker import wait_until

    files = Path(f"/proc/{process.pid}/fd")
    wait_until(lambda: any("socket:" in target(each) for each in files.iterdir()), "a socket")
    yield process
    process.kill()
    process.wait()


def target(file):
    """What an open file of a process is; empty if it was closed meanwhile."""
    try:
        return str(file.readlink())
    except OSError:
        return ""


@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, {}]
)
@pytest.mark.parametrize("output", ["table", "bytes", "json", "influx"])
def test_an_ascii_locale_is_no_traceback(tmp_path, locale, output):
    arguments = ["--input", LOG, "--output", output]
    done = shell(tmp_path, arguments, "", PYTHONIOENCODING="ascii", **locale)
    assert done.returncode == 0
    assert done.stdout
    assert "Traceback" not in done.stderr


def test_an_ascii_locale_shows_any_file_name(tmp_path):
    arguments = ["--input", "gönner.log", "--check", "--output", "json"]
    done = shell(tmp_path, arguments, "", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 1
    assert r"BAD g\xf6nner.log: No such file" in done.stdout
