"""pipx installs and upgrades the wheel: a program with all it needs, where nothing was before."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from importlib.metadata import distribution
from zipfile import ZipFile

import pytest

from eflexcan2mqtt import __version__

from .support.broker import free_port, wait_until
from .support.checkout import copy_checkout
from .support.generated import INI
from .support.program import DOCUMENTED, LOG, mqtt_ini, stop

# On one worker, for pipx takes 15 s.
pytestmark = pytest.mark.xdist_group("pipx")


class Pipx:
    """pipx, with its environments and commands in a folder of their own."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.program = folder / "bin_dir/eflexcan2mqtt"
        self._environment = {
            **os.environ,
            # pip itself, the same for all.
            "PIPX_SHARED_LIBS": str(folder.parent / "pipx-shared"),
            **{
                f"PIPX_{name}": str(folder / name.lower())
                for name in ("HOME", "BIN_DIR", "MAN_DIR", "COMPLETION_DIR")
            },
        }

    def __call__(self, *arguments):
        done = subprocess.run(
            [sys.executable, "-m", "pipx", *arguments],
            env=self._environment,
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def make_wheel(folder, version=__version__):
    """The wheel of a checkout with a version."""
    checkout = copy_checkout(folder / "checkout")
    package = checkout / "eflexcan2mqtt/__init__.py"
    package.write_text(package.read_text().replace(__version__, version))
    for arguments in (["init"], ["add", "--all"]):
        subprocess.run(["git", *arguments], cwd=checkout, check=True, capture_output=True)
    subprocess.run(
        [checkout / "packaging/wheel.sh", folder],
        env={**os.environ, "EFLEX_WHEEL_PYTHON": sys.executable, "SOURCE_DATE_EPOCH": "1700000000"},
        check=True,
    )
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return make_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def pipx(tmp_path_factory, wheel):
    """A pipx that has installed the wheel."""
    pipx = Pipx(tmp_path_factory.mktemp("pipx"))
    pipx("install", "--python", sys.executable, str(wheel))
    return pipx


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory, wheel):
    """A pipx that has installed an older wheel with the extra, and then this one over it."""
    pipx = Pipx(tmp_path_factory.mktemp("upgraded"))
    older = make_wheel(tmp_path_factory.mktemp("older"), "1.0.9")
    pipx("install", "--python", sys.executable, f"{older}[serial]")
    assert output(pipx.program, "--version") == "eflexcan2mqtt 1.0.9\n"
    pipx("install", "--force", f"{wheel}[serial]")
    return pipx


@pytest.fixture
def program(pipx):
    return pipx.program


@pytest.fixture
def slcan(tmp_path):
    """The options that check a serial adapter which is not there."""
    ini = tmp_path / "slcan.ini"
    ini.write_text("[can]\ninterface = slcan\nchannel = none\n")
    return ["--config", ini, "--output", "json"]


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


def test_the_ini_to_start_from_is_part_of_the_package(pipx):
    [shipped] = pipx.home.rglob("share/eflexcan2mqtt/eflexcan2mqtt.ini")
    assert shipped.read_text() == INI.read_text()


def test_without_the_extra_a_serial_adapter_ends_with_78_and_the_remedy_works(pipx, slcan):
    done = subprocess.run([pipx.program, *slcan], capture_output=True, text=True, check=False)
    assert done.stderr.endswith(
        " CRITICAL [can] interface = slcan: needs the Python package pyserial; "
        "run 'pipx inject eflexcan2mqtt pyserial'\n"
    )
    assert done.returncode == 78
    pipx("inject", "eflexcan2mqtt", "pyserial")
    assert_has_pyserial(pipx, slcan)


def test_a_second_install_with_force_is_an_upgrade(upgraded, slcan):
    assert output(upgraded.program, "--version") == f"eflexcan2mqtt {__version__}\n"
    assert_has_pyserial(upgraded, slcan)


def assert_has_pyserial(pipx, slcan):
    done = subprocess.run(
        [pipx.program, *slcan, "--check"], capture_output=True, text=True, check=False
    )
    assert "\nBAD none: could not open port none" in f"\n{done.stdout}"


def test_the_same_sources_give_the_same_wheel(wheel, tmp_path):
    assert make_wheel(tmp_path).read_bytes() == wheel.read_bytes()


def test_the_extras_bring_what_serial_and_network_adapters_need(wheel):
    with ZipFile(wheel) as archive:
        [name] = [each for each in archive.namelist() if each.endswith("/METADATA")]
        metadata = archive.read(name).decode()
    needed = re.findall("^Requires-Dist: (.+)$", metadata, re.MULTILINE)
    assert [each for each in needed if "extra" in each] == [
        "python-can[multicast]; extra == 'multicast'",
        "python-can[serial]; extra == 'serial'",
    ]
    assert not [each for each in needed if each.startswith(("pyserial", "msgpack"))]


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
