"""The service on an emulated CAN controller that goes, comes back and falls silent."""

from __future__ import annotations

import time

import pytest

from tests.support.faults import seen

from .busoff import bus_off
from .service import SERVICE

pytestmark = pytest.mark.short

CAN0_UP = "ip link set can0 up type can bitrate 250000 restart-ms 100"
CAN0 = "$(basename $(readlink /sys/class/net/can0/device))"


def flowing(bank, since, timeout=15):
    """Wait for arrays of all three batteries behind the given one."""
    begun = time.monotonic()
    # A whole cycle has to pass, and the next one to begin.
    while not any(len(array) == 3 for array in bank.arrays(since)):
        assert time.monotonic() - begun < timeout, bank.logged()[-5:]
        time.sleep(0.2)
    return time.monotonic() - begun


@pytest.fixture
def on_can0(bank):
    """The service on the emulated controller; can1 plays the batteries."""
    bank.machine.run(
        f"ip link set can0 down; {CAN0_UP}; ip link set can1 down; "
        f"{CAN0_UP.replace('can0', 'can1')}"
    )
    bank.feed()
    bank.configure(can__channel="can0")
    bank.start()
    flowing(bank, len(bank.arrays()))
    yield bank
    bank.machine.stop("feed")
    bank.machine.run("ip link set can0 down; ip link set can1 down", check=False)


def test_an_interface_that_goes_down_and_up(on_can0):
    bank, mark = on_can0, on_can0.mark()
    bank.machine.run("ip link set can0 down")
    bank.wait_logged("can0: Network is down; retrying until it works", mark)
    time.sleep(6)
    bank.machine.run(CAN0_UP)
    since = len(bank.arrays())
    print(f"arrays again after {flowing(bank, since):.1f} s")
    lines = bank.logged(mark)
    print(lines)
    assert len([line for line in lines if "can0: " in line]) == 2
    seen("the interface goes down, and up again", "\n".join(lines))


def test_an_adapter_that_is_pulled_and_plugged_in_again(on_can0):
    bank, mark = on_can0, on_can0.mark()
    bank.machine.run(f"echo 1 > /sys/bus/pci/devices/{CAN0}/remove")
    bank.wait_logged("; retrying until it works", mark)
    time.sleep(5)
    bank.machine.run("echo 1 > /sys/bus/pci/rescan")
    bank.machine.wait("test -e /sys/class/net/can0")
    bank.machine.run(CAN0_UP)
    since = len(bank.arrays())
    print(f"arrays again after {flowing(bank, since):.1f} s")
    lines = bank.logged(mark)
    print(lines)
    assert len([line for line in lines if "can0: " in line]) == 2
    seen("the adapter is unplugged and plugged in again", "\n".join(lines))


def test_an_interface_that_is_not_there_at_the_start(on_can0):
    bank = on_can0
    bank.stop()
    bank.machine.run(f"echo 1 > /sys/bus/pci/devices/{CAN0}/remove")
    mark = bank.mark()
    bank.start()
    bank.wait_logged("can0: No such device; retrying until it works", mark)
    assert bank.machine.run(f"systemctl is-active {SERVICE}").stdout == "active\n"
    time.sleep(4)
    bank.machine.run("echo 1 > /sys/bus/pci/rescan")
    bank.machine.wait("test -e /sys/class/net/can0")
    bank.machine.run(CAN0_UP)
    since = len(bank.arrays())
    print(f"arrays after {flowing(bank, since):.1f} s; {bank.logged(mark)}")
    assert len([line for line in bank.logged(mark) if "can0: " in line]) == 2
    seen("the interface is missing at the start", "\n".join(bank.logged(mark)))


def test_a_bus_that_goes_off(on_can0):
    bank, mark = on_can0, on_can0.mark()
    bus_off(bank.machine, "can0")
    since = len(bank.arrays())
    print(f"arrays again after {flowing(bank, since):.1f} s; {bank.logged(mark)}")
    seen("the controller goes off (bus-off)", "\n".join(bank.logged(mark)))


def test_a_bus_that_is_up_but_silent(on_can0):
    bank, mark = on_can0, on_can0.mark()
    bank.machine.stop("feed")
    bank.wait_logged("can0: no frames from any battery for 3 s", mark)
    time.sleep(8)
    bank.feed()
    bank.wait_logged("can0: the batteries are back after", mark)
    lines = bank.logged(mark)
    print(lines)
    assert len([line for line in lines if "can0: " in line]) == 2
    seen("the bus is up, but silent", "\n".join(lines))
