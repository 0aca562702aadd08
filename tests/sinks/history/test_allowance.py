"""A wrong clock deletes nothing: so much of the past may go as the program ran with a right one."""

from __future__ import annotations

import pytest

from eflexcan2mqtt.sinks.clock_state import synchronized
from eflexcan2mqtt.sinks.history.allowance import MOST_HOURS, Allowance

HOUR_S = 3600.0


class Machine:
    """Its two clocks, and whether the first is right."""

    ran = 100.0
    offset = 1.7e9
    right = True

    def allowance(self):
        return Allowance(lambda: self.right, lambda: self.ran + self.offset, lambda: self.ran)


@pytest.fixture
def machine():
    return Machine()


def test_an_hour_may_go_for_each_hour(machine):
    allowance = machine.allowance()
    assert allowance.hours() == 0
    machine.ran += 2.5 * HOUR_S
    assert allowance.hours() == 2
    allowance.spend(2)
    assert allowance.hours() == 0
    machine.ran += 0.5 * HOUR_S
    assert allowance.hours() == 1


def test_it_is_a_day_at_most(machine):
    allowance = machine.allowance()
    machine.ran += 100 * HOUR_S
    assert allowance.hours() == MOST_HOURS


def test_nothing_may_go_while_the_clock_is_not_synchronized(machine):
    allowance = machine.allowance()
    machine.right = False
    machine.ran += 5 * HOUR_S
    assert allowance.hours() == 0
    machine.right = True
    machine.ran += HOUR_S
    assert allowance.hours() == 1


@pytest.mark.parametrize("jump", [-86_400, 86_400 * 365])
def test_nothing_may_go_just_after_the_clock_has_jumped(machine, jump):
    allowance = machine.allowance()
    machine.ran += 5 * HOUR_S
    machine.offset += jump
    assert allowance.hours() == 0
    machine.ran += HOUR_S
    assert allowance.hours() == 1


def test_a_clock_that_is_slewed_does_not_jump(machine):
    allowance = machine.allowance()
    for _ in range(10):
        machine.ran += HOUR_S
        machine.offset += 2
        found = allowance.hours()
    assert found == 10


def test_systemd_says_whether_it_has_set_the_clock(tmp_path):
    folder = tmp_path / "timesync"
    assert synchronized(folder)  # another program sets it, or nobody
    folder.mkdir()
    assert not synchronized(folder)
    (folder / "synchronized").touch()
    assert synchronized(folder)
