"""The service and a serial adapter, an emulated one on USB, with the drop-in that owners copy."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eflexcan2mqtt.protocol.blocks import CYCLE_S
from tests.support.adapters import SerialAdapter
from tests.support.bank import sent
from tests.support.machine import Machine

from .service import SERVICE, Bank

EXAMPLE = Path(__file__).parents[2] / "examples" / "serial-adapter.conf"
INSTALL = re.findall(r"#   sudo (.*)", EXAMPLE.read_text())
PORT = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_adapter-if00-port0"


@pytest.fixture
def on_a_serial_adapter(bank: Bank) -> Iterator[Bank]:
    """The INI asks for an adapter that is not plugged in; the service is stopped."""
    bank.stop()
    bank.configure(can__interface="slcan", can__channel=PORT)
    yield bank
    bank.stop()
    bank.machine.run(
        f"rm -rf /etc/systemd/system/{SERVICE}.service.d; systemctl daemon-reload", timeout=60
    )


@contextmanager
def plugged_in(machine: Machine) -> Iterator[SerialAdapter]:
    """The other end of the adapter, which is pulled at the end."""
    with SerialAdapter() as adapter:
        machine.plug_serial(adapter.name)
        try:
            machine.wait(f"test -e {PORT}")
            yield adapter
        finally:
            machine.pull_serial()


def both(arrays: list[list[dict[str, object]]]) -> bool:
    """Whether an array has both batteries of the adapter."""
    return any([each["battery_number"] for each in array] == [1, 2] for array in arrays)


def test_a_serial_adapter_is_out_of_reach_without_the_drop_in(on_a_serial_adapter: Bank):
    bank, mark = on_a_serial_adapter, on_a_serial_adapter.mark()
    with plugged_in(bank.machine):
        bank.start()
        bank.wait_logged(f"{PORT}: ", mark)
    print(bank.logged(mark))
    assert any("retrying until it works" in line for line in bank.logged(mark))


def test_a_serial_adapter_may_be_pulled_and_plugged_in_again(on_a_serial_adapter: Bank):
    """With the example, installed by its own commands; at the start no adapter is there."""
    bank, machine = on_a_serial_adapter, on_a_serial_adapter.machine
    folder = machine.put(EXAMPLE).rpartition("/")[0]
    mark = bank.mark()
    machine.run(f"set -e; cd {folder}; " + "; ".join(INSTALL), timeout=120)
    bank.wait_logged("retrying until it works", mark)
    for _ in range(2):
        before, mark = len(bank.arrays()), bank.mark()
        with plugged_in(machine) as adapter:
            bank.wait_logged(f"{PORT}: back after", mark, timeout=60)
            deadline = time.monotonic() + 60
            # A burst that a busy host passes on too slowly is dropped: the next one comes.
            while not both(bank.arrays(before)):
                assert time.monotonic() < deadline, bank.arrays(before)
                adapter.send(sent(1) + sent(2))
                time.sleep(CYCLE_S)
        bank.wait_logged("retrying until it works", mark)
    print(bank.logged(mark))
