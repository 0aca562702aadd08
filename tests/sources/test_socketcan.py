"""What SocketCAN's own needs of the kernel, on sockets that any kernel has.

Reading a CAN interface is tested in tests/system.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from can.interfaces.socketcan.socketcan import create_socket

import eflexcan2mqtt
from eflexcan2mqtt.protocol.blocks import OUR_IDS
from eflexcan2mqtt.sources import opening, socketcan
from tests.support.faults import seen

LOOPBACK = "lo"


@pytest.fixture
def receiver():
    """A socket that nobody reads."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        yield receiver


@pytest.fixture
def interface(receiver):
    return socketcan.Interface(SimpleNamespace(socket=receiver), LOOPBACK)


def test_the_receive_buffer_is_enlarged(receiver):
    before = receiver.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    socketcan.Interface(SimpleNamespace(socket=receiver), LOOPBACK)
    assert receiver.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > before


def test_what_the_kernel_drops_is_counted_once(receiver, interface):
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    assert interface.overflows() == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(200):
            sender.sendto(bytes(16), receiver.getsockname())
    assert 0 < interface.overflows() < 200
    assert interface.overflows() == 0


def test_an_interface_that_is_up_is_well(interface):
    interface.check()


def test_an_interface_that_is_missing_is_no_such_device():
    with pytest.raises(OSError, match="No such device"):
        socketcan.index("can77")


def has_socketcan():
    try:
        create_socket().close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(has_socketcan(), reason="this kernel has SocketCAN")
def test_a_kernel_without_socketcan_is_named(run):
    done = run("check", "--input", "can:can77", "--output", "json")
    assert done.returncode == 1
    seen("the kernel has no SocketCAN", done.stdout)


def test_the_kernel_passes_frames_of_our_two_rows_of_ids_alone():
    def passes(can_id):
        return any(
            can_id & each["can_mask"] == each["can_id"] & each["can_mask"]
            for each in opening.FILTERS
        )

    assert {each for each in range(0x800) if passes(each)} == OUR_IDS | {0x100, 0x600}
    assert not any(each["extended"] for each in opening.FILTERS)


def test_no_can_socket_of_our_own_is_left():
    """Every bus is python-can's."""
    sources = [each.read_text() for each in Path(eflexcan2mqtt.__file__).parent.rglob("*.py")]
    assert sources
    assert not any(re.search(r"AF_CAN|PF_CAN|CAN_RAW", each) for each in sources)
