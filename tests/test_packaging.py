"""``pipx install .`` gives a program with all it needs, in an environment that had nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from importlib.metadata import distribution

import pytest

from eflexcan2mqtt import __version__

from .support.broker import free_port, wait_until
from .support.checkout import copy_checkout
from .support.generated import INI
from .support.program import DOCUMENTED, LOG, mqtt_ini, stop

# On one worker, for pipx takes 15 s.
pytestmark = pytest.mark.xdist_group("pipx")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where pipx keeps its environments."""
    folder = tmp_path_factory.mktemp("pipx")
    places = {
        f"PIPX_{name}": str(folder / name.lower())
        for name in ("HOME", "BIN_DIR", "MAN_DIR", "COMPLETION_DIR")
    }
    checkout = copy_checkout(folder / "checkout")
    done = subprocess.run(
        [sys.executable, "-m", "pipx", "install", "--python", sys.executable, checkout],
        env={**os.environ, **places},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def program(home):
    return home / "bin_dir" / "eflexcan2mqtt"


def output(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def test_the_program_knows_its_version(program):
    assert output(program, "--version") == f"eflexcan2mqtt {__version__}\n"


def test_it_decodes_a_recording_as_the_source_does(program, tmp_path):
    arguments = ("--input", LOG, "--output", "json", "--fields", "documented")
    assert output(program, *arguments, cwd=tmp_path) == DOCUMENTED


def test_the_page_and_its_metrics_come_from_the_package(program, broker, tmp_path):
    address = f"127.0.0.1:{free_port()}"
    ini = mqtt_ini(tmp_path, broker.port)
    ini.write_text(f"{ini.read_text()}[web]\nlisten = {address}\n")
    with started(program, "--config", ini, "--input", "simulator:2", cwd=tmp_path):
        wait_until(lambda: get(address, "/batteries.json") not in ("", "[]\n", "[]"), "an array")
        assert len(json.loads(get(address, "/batteries.json"))) == 2
        assert "<title>" in get(address, "/")
        assert "eflex_battery_soc_ratio{" in get(address, "/metrics")


def test_the_ini_to_start_from_is_part_of_the_package(home):
    [shipped] = (home / "home").rglob("share/eflexcan2mqtt/eflexcan2mqtt.ini")
    assert shipped.read_text() == INI.read_text()


def test_the_package_says_whose_it_is_and_promises_no_address():
    about = distribution("eflexcan2mqtt").metadata
    assert about["Author"] == "eflexcan2mqtt contributors"
    assert about.get_all("Project-URL") is None
    assert "Topic :: Home Automation" in about.get_all("Classifier")


@contextmanager
def started(*command, **options):
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
    try:
        yield process
        stop(process)
    finally:
        process.kill()
        process.wait()


def get(address, path):
    """A page; empty while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.read().decode()
    except OSError:
        return ""
