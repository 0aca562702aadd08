"""The clock of the machine can be turned: the last of its tests, for that sets off timers."""

from __future__ import annotations

import time

import pytest

from tests.support.machine import Machine

pytestmark = pytest.mark.usefixtures("timed")


def test_the_clock_can_be_turned(machine: Machine):
    """An hour back and a year on; the agent does not notice."""
    for turn in ("-1 hour", "+1 year"):
        before = machine.run("date +%s").stdout
        said = machine.run(f"date --set='{turn}'").stdout.strip()
        moved = int(machine.run("date +%s").stdout) - int(before)
        slow = machine.run("sleep 30", timeout=1, check=False)
        print(f"{turn}: {said}, moved {moved} s; a slow command: {slow}")
        assert abs(moved) > 3500
        assert slow.status is None
    machine.run(f"date --set=@{int(time.time())}")
    # The turns set off timers, whose services may still be at work: systemd has to answer.
    print(machine.run("systemctl is-system-running; systemctl --failed", check=False))
    machine.run("systemd-run --quiet --wait true", timeout=60)
