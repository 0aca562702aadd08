"""The emulated CAN controllers behave as real ones, also for the commands of docs/install.md."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.machine import BURST, Machine

from .busoff import bus_off

pytestmark = pytest.mark.usefixtures("timed")

PAGE = (Path(__file__).parents[2] / "docs" / "install.md").read_text()
UP = re.search(r"sudo ip link set can0 (.*restart-ms.*)", PAGE)[1]
LISTEN_ONLY = re.search(r"sudo ip link set can0 (.*listen-only on)", PAGE)[1]
# It stays with the interface until it is switched off.
LISTEN_ONLY_OFF = "ip link set can0 down; ip link set can0 type can bitrate 250000 listen-only off"
# Several tests in ten seconds are more starts than systemd allows by itself.
RESTART_NETWORKD = "systemctl reset-failed systemd-networkd; systemctl restart systemd-networkd"
NETWORKD_FILE = "/etc/systemd/network/80-can0.network"
NETWORKD = re.search(rf"{NETWORKD_FILE}`:\n\n```ini\n(.*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture
def bus(machine: Machine) -> Iterator[Machine]:
    """can0 and can1 up, on one bus."""
    machine.run(f"for each in can0 can1; do ip link set $each down; ip link set $each {UP}; done")
    yield machine
    machine.run("for each in can0 can1; do ip link set $each down; done", check=False)


@pytest.fixture
def networkd(machine: Machine) -> Iterator[Machine]:
    """systemd-networkd with the file for can0 of docs/install.md, as it stands there."""
    machine.run("ip link set can0 down")
    machine.run(f"printf {NETWORKD!r} >{NETWORKD_FILE} && {RESTART_NETWORKD}")
    yield machine
    machine.run(f"rm {NETWORKD_FILE}; {RESTART_NETWORKD}; {LISTEN_ONLY_OFF}")


def details(machine: Machine, interface: str) -> str:
    """What ip tells of it, seen in the log of the run too."""
    text = machine.run(f"ip -details -statistics link show {interface}").stdout
    print(text.rstrip())
    return text


def ifindex(machine: Machine, interface: str) -> int:
    return int(machine.run(f"cat /sys/class/net/{interface}/ifindex").stdout)


def listen(machine: Machine, interface: str) -> None:
    """Start candump, error frames included, and wait until it is bound."""
    machine.job("listen", f"exec candump -e -x {interface},0:0,#FFFFFFFF")
    machine.wait(f"grep -q '^ *{interface} ' /proc/net/can/rcvlist_err")


def heard(machine: Machine) -> str:
    """What the listener has written so far; ends it."""
    time.sleep(0.5)
    machine.stop("listen")
    text = machine.output("listen")
    print(text.rstrip())
    return text


def test_the_command_of_the_readme_brings_can0_up(machine: Machine):
    """As it stands; a second time it is refused, because the link is up already."""
    machine.run(f"ip link set can0 {UP}")
    text = details(machine, "can0")
    again = machine.run(f"ip link set can0 {UP}", check=False)
    print("again:", again)
    machine.run("ip link set can0 down")
    assert "can state ERROR-ACTIVE" in text
    assert "restart-ms 100" in text
    assert "bitrate 250000" in text
    assert "Device or resource busy" in again.stderr


def test_a_frame_crosses_from_can1_to_can0(bus: Machine):
    """Data, a short frame and a remote frame, in their order."""
    listen(bus, "can0")
    bus.run("cansend can1 101#0102030405060708; cansend can1 601#11; cansend can1 101#R")
    lines = [" ".join(line.split()[4:]) for line in heard(bus).splitlines()]
    assert lines == ["101 [8] 01 02 03 04 05 06 07 08", "601 [1] 11", "101 [0] remote request"]


def test_an_interface_that_listens_only_receives_and_sends_nothing(bus: Machine):
    """By the README's command, as it stands; its other one switches that off again."""
    bus.run(f"ip link set can0 down; ip link set can0 {LISTEN_ONLY}")
    text = details(bus, "can0")
    listen(bus, "can0")
    bus.run("cansend can1 101#0102030405060708")
    received = heard(bus)
    listen(bus, "can1")
    bus.run("cansend can0 102#0102030405060708", check=False)
    sent = heard(bus)
    bus.run(f"ip link set can0 down; ip link set can0 {UP}")
    again = details(bus, "can0")
    bus.run(LISTEN_ONLY_OFF)
    assert "LISTEN-ONLY" in text
    assert "101" in received
    assert sent == ""
    assert "LISTEN-ONLY" not in again


def test_networkd_brings_can0_up_with_the_file_of_the_readme(networkd: Machine):
    """Nothing else is needed: systemd 252 sets all of it, and brings the link up."""
    networkd.wait("grep -q up /sys/class/net/can0/operstate")
    text = details(networkd, "can0")
    print(networkd.log("systemd-networkd"))
    print(networkd.run("networkctl status can0 --no-pager --lines=0", check=False).stdout)
    assert "can <LISTEN-ONLY> state ERROR-ACTIVE" in text
    assert "restart-ms 100" in text
    assert "bitrate 250000" in text


def test_networkd_takes_over_a_can0_that_runs_at_another_rate(networkd: Machine):
    """It takes the link down for it by itself."""
    networkd.run("ip link set can0 down; ip link set can0 up type can bitrate 125000 restart-ms 0")
    networkd.run(RESTART_NETWORKD)
    networkd.wait("ip -details link show can0 | grep -q 'bitrate 250000'")
    networkd.wait("ip -details link show can0 | grep -q 'restart-ms 100'")
    details(networkd, "can0")


def pull(machine: Machine) -> str:
    """Remove the adapter of can0; returns its address on the PCI bus."""
    path = machine.run("readlink -f /sys/class/net/can0/device").stdout.strip()
    machine.run(f"echo 1 >{path}/remove")
    assert machine.run("ip link show can0", check=False).status == 1
    return Path(path).name


def plug(machine: Machine, address: str) -> None:
    """Put it back."""
    machine.run("echo 1 >/sys/bus/pci/rescan")
    machine.wait(f"[ -d /sys/bus/pci/devices/{address}/net/can0 ]")


def test_a_pulled_adapter_comes_back_as_another_interface_that_is_down(bus: Machine):
    """Same name, new ifindex, without bit rate; the README's command brings it up again."""
    before = ifindex(bus, "can0")
    plug(bus, address := pull(bus))
    text = details(bus, "can0")
    after = ifindex(bus, "can0")
    print(f"{address}: ifindex {before} before, {after} after")
    assert after > before
    assert "state DOWN" in text
    assert "bitrate" not in text
    bus.run(f"ip link set can0 {UP}")
    listen(bus, "can0")
    bus.run("cansend can1 101#AA")
    assert "101" in heard(bus)


def test_networkd_brings_a_pulled_adapter_up_again(networkd: Machine):
    """Nobody has to do anything."""
    networkd.wait("grep -q up /sys/class/net/can0/operstate")
    plug(networkd, pull(networkd))
    started = time.monotonic()
    networkd.wait("grep -q up /sys/class/net/can0/operstate")
    print(f"up {time.monotonic() - started:.1f} s after it came back")
    text = details(networkd, "can0")
    assert "restart-ms 100" in text
    assert "bitrate 250000" in text


def test_a_controller_in_bus_off_restarts_after_100_ms(bus: Machine):
    """The driver tells it by an error frame (bus-off), and the restart by another (restarted)."""
    listen(bus, "can0")
    started = time.monotonic()
    bus_off(bus, "can0")
    print(f"bus-off took {time.monotonic() - started:.1f} s to bring about")
    bus.wait("ip -details link show can0 | grep -q ERROR-ACTIVE")
    bus.run("cansend can1 101#AA")
    lines = heard(bus)
    text = details(bus, "can0")
    print(bus.run("dmesg | grep can0 | tail -3").stdout)
    assert "bus-off" in lines
    assert "restarted-after-bus-off" in lines
    assert "101" in lines.splitlines()[-1]
    restarts = re.search(r"re-started.*\n\s*(\d+)", text)
    assert restarts
    assert int(restarts[1]) >= 1


def test_a_controller_in_bus_off_stays_there_without_restart_ms(bus: Machine):
    """Until somebody restarts it."""
    bus.run("ip link set can0 down; ip link set can0 up type can restart-ms 0")
    bus_off(bus, "can0")
    time.sleep(1)
    text = details(bus, "can0")
    bus.run("ip link set can0 type can restart")
    bus.wait("ip -details link show can0 | grep -q ERROR-ACTIVE")
    assert "can state BUS-OFF" in text
    assert "NO-CARRIER" in text


def test_a_bus_off_that_does_not_come_leaves_the_machine_running(bus: Machine):
    """The debugger halts it; whatever happens, it lets go."""
    with pytest.raises(TimeoutError):
        bus_off(bus, "can9", within=3)
    assert bus.run("echo alive").stdout == "alive\n"


def test_the_bus_carries_250_evenly_spaced_frames_a_second(bus: Machine):
    """As 14 batteries send them.  The emulated controllers hold five frames: no bursts."""
    program = bus.put(BURST)
    bus.job("burst", f"exec python3 {program} receive can0")
    bus.wait("grep -q '^ *can0 ' /proc/net/can/rcvlist_all")
    sent = bus.run(f"python3 {program} send can1 250 4").stdout
    bus.wait("! systemctl is-active --quiet burst")
    received = bus.output("burst")
    print(sent, received)
    details(bus, "can0")
    assert int(received.split()[1].rstrip(",")) > 950
