"""Fixtures that start real programs and end them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import settings

from .support.broker import REMEMBERING, Broker, Subscriber
from .support.program import MAIN
from .support.proxy import Proxy

pytest_plugins = ("tests.support.leftovers",)

# A busy machine is no bug.
settings.register_profile("unhurried", deadline=None)
settings.register_profile("short", deadline=None, max_examples=20)
settings.register_profile("long", deadline=None, max_examples=5000)
settings.load_profile("unhurried")

# What a shell may have set for python, and systemd has not: buffers hide mistakes.
for name in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(name, None)

# In the programs that tests start, what is an error in the tests themselves; but not for what is
# freed by the interpreter's end (its module is sys), as sockets of paho are.
os.environ["PYTHONWARNINGS"] = "always::ResourceWarning,ignore::ResourceWarning:sys"


@pytest.fixture
def make_broker(tmp_path):
    """Brokers by their settings, ended with the test."""
    made = []

    def make(*settings, port=None):
        made.append(Broker(tmp_path, *settings, port=port))
        return made[-1]

    yield make
    for each in made:
        each.kill()


@pytest.fixture
def broker(make_broker):
    """A running broker that lets everybody in."""
    return make_broker().start()


@pytest.fixture
def remembering_broker(make_broker, tmp_path):
    """A running broker that keeps sessions through a restart, and what waits for them."""
    return make_broker(*REMEMBERING, f"persistence_location {tmp_path}/").start()


@pytest.fixture
def make_proxy():
    """Networks to a port, ended with the test."""
    made = []

    def make(port):
        made.append(Proxy(port))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def small_disk(tmp_path):
    """A folder of 4 MB, and where to put a file that fills it."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield folder, folder / "filler"
    # Lazily: a test that failed has not closed its files.
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def subscribe():
    """Subscribers by their port, ended with the test."""
    made = []

    def make(port, topic="eflexbatteries/#", session=None):
        made.append(Subscriber(port, topic, session))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def command():
    """The program that is tested: main.py, unless a module has another one."""
    return [sys.executable, MAIN]


@pytest.fixture
def start(command, tmp_path):
    """The program in the background, in an empty folder; killed with the test."""
    started = []

    def start(*arguments, **options):
        process = subprocess.Popen(
            [*command, *map(str, arguments)],
            cwd=tmp_path,
            text=True,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            **options,
        )
        started.append(process)
        return process

    yield start
    for each in started:
        if each.poll() is None:
            each.send_signal(signal.SIGCONT)
            each.kill()
        _, errors = each.communicate()
        assert "ResourceWarning" not in (errors or "")


@pytest.fixture
def run(command, tmp_path):
    """The program to its end, in an empty folder."""

    def run(*arguments, timeout=120, **options):
        done = subprocess.run(
            [*command, *map(str, arguments)],
            cwd=tmp_path,
            text=True,
            capture_output=True,
            timeout=timeout,
            check=False,
            **options,
        )
        assert "ResourceWarning" not in done.stderr
        return done

    return run
