"""The machine of a test run: booted once, ended with the run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import machine as system
from tests.support.machine import Machine

from .service import BROKER, Bank


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
    booted = system.boot(image, tmp_path_factory.mktemp("machine"))
    print(f"boot: {time.monotonic() - started:.1f} s; console: {booted.console}")
    yield booted
    booted.close()


@pytest.fixture(scope="session")
def bank(machine):
    """The machine with vcan0, a broker and a subscriber that misses nothing."""
    machine.run("modprobe vcan && ip link add dev vcan0 type vcan && ip link set vcan0 up")
    (machine.share / "broker").write_text(BROKER)
    machine.run("cp /share/broker /etc/mosquitto/conf.d/test.conf")
    machine.run("rm -f /var/lib/mosquitto/*; systemctl start mosquitto", timeout=60)
    machine.job(
        "collector",
        "exec mosquitto_sub -i collector -c -q 2 -v -t eflexbatteries/#",
        "StandardOutput=append:/run/collector.output",
        "Restart=always",
        "RestartSec=1",
        "StartLimitIntervalSec=0",
    )
    yield Bank(machine)
    for job in ("feed", "collector"):
        machine.stop(job)
    machine.run("systemctl stop mosquitto; ip link del vcan0", check=False)


@pytest.fixture
def on_vcan0(bank):
    """The service on vcan0, which carries real bursts; whole arrays are counted from here."""
    bank.configure()
    bank.start()
    bank.machine.wait(
        "grep -q '^ *vcan0 ' /proc/net/can/rcvlist_fil /proc/net/can/rcvlist_sff "
        "/proc/net/can/rcvlist_all"
    )
    bank.machine.run("systemctl is-active mosquitto || systemctl start mosquitto", timeout=60)
    return bank


@pytest.fixture
def timed(machine: Machine, request: pytest.FixtureRequest) -> Iterator[None]:
    """Says how long each test took; the boot belongs to nobody."""
    started = time.monotonic()
    print(f"\n== {request.node.name}")
    yield
    print(f"== {time.monotonic() - started:.1f} s")
