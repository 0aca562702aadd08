"""A Python without the packages: a sentence with what to run, and no traceback."""

from __future__ import annotations

import subprocess
import sys
import venv

import pytest

from eflexcan2mqtt.process.packages import remedy
from tests.support.checkout import copy_checkout
from tests.support.program import DOCUMENTED, LOG

VERSION = f"Python {sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def clone(tmp_path):
    """A fresh clone."""
    return copy_checkout(tmp_path / "clone")


@pytest.fixture
def bare(tmp_path):
    """A Python with nothing but its standard library."""
    return make_python(tmp_path / "bare")


def make_python(folder):
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_fresh_clone_names_the_two_commands(clone, bare):
    done = run(bare, clone / "main.py", "--input", "simulator")
    assert done.stderr.splitlines(keepends=True)[-1] == (
        f"{bare} ({VERSION}) has no module 'paho': "
        "run `make demo` to try the program, or `sudo ./install.sh` to install it\n"
    )
    assert done.returncode == 78


def test_a_clone_with_an_environment_names_its_python(clone, bare):
    make_python(clone / ".venv")
    done = run(bare, clone / "main.py", "--input", "simulator")
    assert done.stderr.endswith(f": run `{clone}/.venv/bin/python {clone}/main.py` instead\n")
    assert done.returncode == 78


def test_an_environment_that_an_upgrade_left_without_its_packages_is_to_be_made_again(clone):
    python = make_python(clone / ".venv")
    done = run(python, clone / "main.py", "--input", "simulator")
    assert done.stderr.splitlines(keepends=True)[-1] == (
        f"{python} ({VERSION}) has no module 'paho': "
        f"run `rm -rf {clone}/.venv && make demo`, which makes that environment again\n"
    )
    assert done.returncode == 78


def test_an_environment_whose_python_is_gone_is_to_be_made_again(clone, bare):
    make_python(clone / ".venv").unlink()
    done = run(bare, clone / "main.py", "--input", "simulator")
    assert f"run `rm -rf {clone}/.venv && make demo`" in done.stderr


def test_outside_of_a_clone_the_program_is_to_be_installed_again(clone, bare):
    (clone / "install.sh").unlink()
    done = run(bare, clone / "main.py", "--input", "simulator")
    assert done.stderr.endswith(": install eflexcan2mqtt again\n")


def test_what_needs_no_package_runs_without_any(clone, bare, tmp_path):
    (tmp_path / "empty.ini").touch()
    done = run(
        bare, clone / "main.py", "-c", tmp_path / "empty.ini", "--input", LOG, "--output", "json"
    )
    assert done.stdout == DOCUMENTED


@pytest.mark.parametrize(
    "module",
    ["eflexcan2mqtt", "eflexcan2mqtt.sinks.nowhere", "can.interfaces.nowhere", "sqlite3", None],
)
def test_a_bug_of_ours_or_a_broken_python_is_not_hidden(module):
    assert remedy(ModuleNotFoundError("no module", name=module)) is None
