"""The command and an adapter."""

from __future__ import annotations

import json
import os
import pty
import time

from tests.support.bank import sent
from tests.support.program import STOP_S, reads, stop


def test_a_serial_adapter_is_a_bus_of_python_can(start, tmp_path):
    """slcan, as a CANable speaks it: over a pseudo-terminal, cut off and plugged in again."""
    adapter, ours = pty.openpty()
    (tmp_path / "x.ini").write_text(
        f"[can]\ninterface = slcan\nchannel = {os.ttyname(ours)}\nbitrate = 250000\n"
    )
    process = start("-c", "x.ini", "--output", "json")
    reads(process.stderr, ": open")
    time.sleep(0.3)
    commands = os.read(adapter, 1000)
    assert b"S5\r" in commands  # 250 kbit/s
    for can_id, data, _ in sent(1) + sent(2) + sent(1)[:1]:
        os.write(adapter, f"t{can_id:03X}8{data.hex().upper()}\r".encode())
    array = json.loads(process.stdout.readline())
    assert [each["battery_number"] for each in array] == [1, 2]
    assert abs(array[0]["time"] - time.time()) < 20
    os.close(adapter)
    reads(process.stderr, "; trying again until it works")
    assert stop(process) < STOP_S  # though its driver sleeps for two while it opens
    os.close(ours)
