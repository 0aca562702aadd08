"""What the later tests stand on: the machine boots, and its kernel, broker and clock behave."""

from __future__ import annotations

import re
import time

import pytest

from tests.support.machine import BURST, CommandError, Machine

pytestmark = pytest.mark.usefixtures("timed")


def test_systemd_is_running(machine: Machine):
    """Every unit that the machine starts at boot came up."""
    state = machine.run("systemctl is-system-running", check=False).stdout.strip()
    print(state, machine.run("uname -r; systemctl --version | head -1; systemd-analyze").stdout)
    print(machine.run("systemctl --failed --no-legend").stdout)
    assert state == "running"


def test_the_agent_survives_what_is_no_request(machine: Machine):
    """Bad lines and slow, loud or failing commands cost the machine nothing."""
    machine.run(r"true")
    with pytest.raises(CommandError, match="status 3"):
        machine.run("exit 3")
    slow = machine.run("echo begun; sleep 60", timeout=1, check=False)
    loud = machine.run("head -c 3000000 /dev/zero | tr '\\0' x")
    print(slow, len(loud.stdout))
    assert slow.status is None
    assert slow.stdout == "begun\n"
    assert len(loud.stdout) == 3000000
    for line in (b"nonsense", b"[]", b'{"id": 1}', b"\xff\x00", b"null"):
        machine.send_raw(line)
    assert machine.run("echo alive").stdout == "alive\n"


def test_vcan_carries_2000_frames_a_second(machine: Machine):
    """Sent and received by plain Python without a loss."""
    program = machine.put(BURST)
    machine.run("ip link add vcan0 type vcan && ip link set vcan0 up")
    machine.job("burst", f"exec python3 {program} receive vcan0")
    machine.wait("grep -q '^ *vcan0 ' /proc/net/can/rcvlist_all")
    sent = machine.run(f"python3 {program} send vcan0 2000 4").stdout
    machine.wait("! systemctl is-active --quiet burst")
    received = machine.output("burst")
    machine.run("ip link delete vcan0")
    print(sent, received)
    rate = re.search(r"sent 8000: (\d+)/s", sent)
    assert rate
    assert int(rate[1]) > 1900
    assert "received 8000, lost 0" in received


def test_mosquitto_starts_and_passes_a_message_on(machine: Machine):
    """On loopback, as Debian ships it."""
    machine.run("systemctl start mosquitto")
    machine.job("subscribe", "exec mosquitto_sub -t a/b -C 1 -W 20")
    for _ in range(10):
        machine.run("mosquitto_pub -t a/b -m hello")
        if machine.run("systemctl is-active --quiet subscribe", check=False).status != 0:
            break
        time.sleep(0.3)
    received = machine.output("subscribe")
    print(received, machine.run("ss -ltn").stdout)
    machine.run("systemctl stop mosquitto")
    assert "hello" in received
