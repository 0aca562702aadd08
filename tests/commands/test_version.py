"""`--version --verbose` names the program, its build, how it came here, and what it uses."""

from __future__ import annotations

import os
import re
import shutil
import sys
from importlib import metadata

import pytest

from eflexcan2mqtt import __version__
from tests.support.program import MAIN

LIBRARIES = ("python-can", "paho-mqtt", "prometheus-client", "rich", "pyserial", "msgpack")


@pytest.mark.parametrize(
    "words", [("--version",), ("check", "--version"), ("--version", "-c", "gone.ini")]
)
def test_the_version_alone_is_one_line(run, words):
    done = run(*words)
    assert (done.stdout, done.returncode) == (f"eflexcan2mqtt {__version__}\n", 0)


@pytest.mark.parametrize(
    "words",
    [
        *(("--version", "--verbose"), ("--verbose", "--version"), ("--version", "-v")),
        *(("-v", "--version"), ("forget", "--version", "-v")),
    ],
)
def test_with_verbose_it_says_more_in_any_order(run, words):
    done = run(*words)
    assert done.stdout.startswith(f"eflexcan2mqtt {__version__}\nbuild: source")
    assert done.returncode == 0


def test_it_names_the_versions_of_python_and_of_the_libraries(run):
    lines = run("--version", "--verbose").stdout.splitlines()
    assert f"Python: {sys.version.split()[0]}" in lines
    for name in LIBRARIES:
        assert f"{name}: {metadata.version(name)}" in lines


def test_a_checkout_names_its_folder(run):
    assert f"\ninstalled: checkout in {MAIN.parent}" in run("--version", "-v").stdout


class TestCheckout:
    """A copy of the source, with what git would keep of it."""

    @pytest.fixture
    def command(self, tmp_path):
        shutil.copy(MAIN, tmp_path)
        shutil.copytree(MAIN.parent / "eflexcan2mqtt", tmp_path / "eflexcan2mqtt")
        (tmp_path / ".git/refs/heads").mkdir(parents=True)
        return [sys.executable, tmp_path / "main.py"]

    @pytest.mark.parametrize("head", ["ref: refs/heads/main\n", "0123456789abcdef\n"])
    def test_names_its_commit(self, run, tmp_path, head):
        (tmp_path / ".git/HEAD").write_text(head)
        (tmp_path / ".git/refs/heads/main").write_text("0123456789abcdef\n")
        assert "\nbuild: source, commit 0123456789ab\n" in run("--version", "-v").stdout

    def test_names_the_build_of_a_release(self, run, tmp_path):
        (tmp_path / "eflexcan2mqtt/build.txt").write_text("2026-11-29, aarch64-linux-gnu\n")
        assert "\nbuild: 2026-11-29, aarch64-linux-gnu\n" in run("--version", "-v").stdout

    def test_without_main_py_is_a_copy(self, tmp_path, run, command):
        (tmp_path / "main.py").unlink()
        command[1:] = ["-m", "eflexcan2mqtt"]
        found = run("--version", "-v").stdout
        assert re.search("(?m)^installed: ", found)
        assert "checkout" not in found


@pytest.mark.parametrize(
    ("variable", "words"),
    [("container", ", in a container"), ("SUPERVISOR_TOKEN", ", in a Home Assistant app")],
)
def test_it_says_in_what_it_runs(run, variable, words):
    environment = {**os.environ, variable: "oci"}
    [line] = re.findall("(?m)^installed: .*$", run("--version", "-v", env=environment).stdout)
    assert line.endswith(words)
