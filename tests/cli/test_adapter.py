"""The command and adapters: from the source, and installed by install.sh."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from eflexcan2mqtt.protocol.blocks import CYCLE_S
from tests.support.adapters import SerialAdapter, Socketcand, multicast
from tests.support.bank import sent
from tests.support.checkout import install
from tests.support.program import MAIN, STOP_S, reads, stop


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    return install(tmp_path_factory.mktemp("installed"))


# The installed ones on one worker, for to install takes 10 s.
@pytest.fixture(
    params=["source", pytest.param("installed", marks=pytest.mark.xdist_group("installed"))]
)
def command(request):
    return (
        [sys.executable, MAIN]
        if request.param == "source"
        else request.getfixturevalue("installed")
    )


@pytest.fixture
def adapter():
    with SerialAdapter() as adapter:
        yield adapter


def can_ini(folder, **settings):
    """An INI for a bus; its path."""
    path = folder / "x.ini"
    path.write_text("\n".join(["[can]", *(f"{key} = {each}" for key, each in settings.items())]))
    return path


def numbers(line):
    return [each["battery_number"] for each in json.loads(line)]


def test_a_serial_adapter_is_a_bus(start, tmp_path, adapter):
    """slcan, as a CANable speaks it; pulled, and the process is stopped while it is opened."""
    ini = can_ini(tmp_path, interface="slcan", channel=adapter.name, tty_baudrate=921600)
    process = start("-c", ini, "--output", "json")
    reads(process.stderr, ": open")
    adapter.send(sent(1) + sent(2) + sent(1)[:1])
    array = json.loads(process.stdout.readline())
    assert [each["battery_number"] for each in array] == [1, 2]
    assert abs(array[0]["time"] - time.time()) < 20
    adapter.pull()
    reads(process.stderr, "; retrying until it works")
    assert stop(process) < STOP_S  # though its driver sleeps for two while it opens


def test_each_cycle_keeps_its_second_while_the_process_is_halted(start, tmp_path, adapter):
    """A computer that does something else for five seconds."""
    ini = can_ini(tmp_path, interface="slcan", channel=adapter.name, sleep_after_open=0)
    process = start("-c", ini, "--output", "json")
    reads(process.stderr, ": open")
    # Far from half a second, where times are rounded up: the first burst may be read late.
    time.sleep((0.8 - time.time()) % 1)
    begun = time.time()
    for cycle in range(9):
        time.sleep(max(begun + cycle * CYCLE_S - time.time(), 0))
        adapter.send(sent(1))  # five of them fit into a pseudo-terminal
        if cycle == 2:
            time.sleep(0.2)
            process.send_signal(signal.SIGSTOP)
        if cycle == 7:
            process.send_signal(signal.SIGCONT)
    adapter.send(sent(1)[:1])
    arrays = [json.loads(process.stdout.readline()) for _ in range(9)]
    for cycle, array in enumerate(arrays):
        # Without a correction the first of them would be four seconds late.
        assert abs(array[0]["time"] - (begun + cycle * CYCLE_S)) < 2
    seconds = [array[0]["time"] for array in arrays]
    assert seconds == sorted(set(seconds))


def test_a_socketcand_is_a_bus(start, tmp_path):
    with Socketcand("vcan7") as server:
        ini = can_ini(
            tmp_path, interface="socketcand", channel="vcan7", host="127.0.0.1", port=server.port
        )
        process = start("-c", ini, "--output", "json")
        reads(process.stderr, ": open")
        server.send(sent(1) + sent(2) + sent(1)[:1])
        assert numbers(process.stdout.readline()) == [1, 2]
        assert stop(process) < STOP_S


def test_multicast_is_a_bus_of_two_processes(start, tmp_path):
    settings = multicast()
    ini = can_ini(tmp_path, interface="udp_multicast", **settings)
    process = start("-c", ini, "--output", "json")
    reads(process.stderr, ": open")
    program = """
import can, json, sys
settings, frames = json.load(sys.stdin)
with can.Bus(interface="udp_multicast", ignore_config=True, **settings) as bus:
    for can_id, data in frames:
        bus.send(can.Message(arbitration_id=can_id, data=bytes.fromhex(data), is_extended_id=False))
"""
    frames = [(can_id, data.hex()) for can_id, data, _ in sent(1) + sent(2) + sent(1)[:1]]
    subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps([settings, frames]),
        text=True,
        check=True,
        timeout=30,
    )
    assert numbers(process.stdout.readline()) == [1, 2]
    assert stop(process) < STOP_S


def test_a_virtual_bus_opens(start, tmp_path):
    """It is of one process, and so nobody else is there."""
    process = start("-c", can_ini(tmp_path, interface="virtual", channel="x"), "--output", "json")
    assert "x: open" in reads(process.stderr, ": open")
    assert stop(process) < STOP_S


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"interface": "kvaser", "channel": 0},
            "[can] interface = kvaser: cannot be used here "
            "(name 'canGetNumberOfChannels' is not defined); "
            "install its driver, or choose another interface",
        ),
        (
            {"interface": "gs_usb"},
            "[can] interface = gs_usb: needs the Python package gs-usb; "
            "run 'PYTHON -m pip install gs-usb'",
        ),
    ],
    ids=["kvaser", "gs_usb"],
)
def test_what_can_never_work_ends_with_78_and_the_remedy(run, command, tmp_path, settings, problem):
    problem = problem.replace("PYTHON", str(command[0]))
    done = run("-c", can_ini(tmp_path, **settings), "--output", "json")
    assert done.stderr.splitlines()[-1].endswith(f" CRITICAL {problem}")
    assert done.returncode == 78
    done = run("-c", can_ini(tmp_path, **settings), "--output", "json", "--check")
    assert problem in done.stdout
    assert done.returncode == 1
