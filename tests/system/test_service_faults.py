"""Broker, disk, clock and load at their worst: the service loses nothing that it has read."""

from __future__ import annotations

import re
import time

import pytest

from eflexcan2mqtt.protocol.assembler import INCOMPLETE, NO_STATUS, STALE
from tests.support.bank import FRAMES_PER_BURST
from tests.support.faults import seen
from tests.support.machine import BURST

from .service import SERVICE, STATE, bank_log, without_time

WAIT_S = 20


def summary(lines):
    """The frames that a stopped service took, and the blocks that it dropped, by reason."""
    found = re.search(r"frames: (\d+), cycles: \d+, dropped blocks: (.*)", "\n".join(lines))
    dropped = re.findall(r"(\d+) ([a-z ]+)", found[2])
    return int(found[1]), {reason: int(count) for count, reason in dropped}


def dropped_before_any_socket(machine):
    """Packets that the kernel could not even queue: emulated processors have their limits."""
    lines = machine.run("cat /proc/net/softnet_stat").stdout.splitlines()
    return sum(int(line.split()[1], 16) for line in lines)


def played(bank, log, during):
    """Play a log in the background and do something meanwhile."""
    path = bank.machine.put(log)
    bank.machine.job("player", f"canplayer -I {path} vcan0=can0")
    during()
    bank.machine.wait("! systemctl is-active --quiet player", timeout=180)


def test_a_stall_mixes_no_cycles(on_vcan0, tmp_path):
    """SIGSTOP for 5 s, while the bank goes on: some cycles are lost, none is made up."""
    bank = on_vcan0
    log, expected = bank_log(tmp_path, 16)
    before, pid, mark = len(bank.arrays()), bank.pid(), bank.mark()

    def stall():
        time.sleep(3)
        bank.machine.run(f"kill -STOP {pid}; sleep 5; kill -CONT {pid}")

    played(bank, log, stall)
    time.sleep(4)
    found = without_time(bank.arrays(before))
    print(f"{len(found)} arrays of {len(expected)}")
    assert len(found) >= 8
    for array in found:
        # Neighbours may be alike: there must be one cycle that the array is of.
        assert any(all(each in cycle for each in array) for cycle in without_time(expected))
    assert bank.pid() == pid
    seen("the program stands still for 5 s", "\n".join(bank.logged(mark)))


@pytest.mark.short
def test_an_outage_of_the_broker_loses_nothing(on_vcan0, tmp_path):
    bank = on_vcan0
    log, expected = bank_log(tmp_path, 20, seed=12)
    before = len(bank.arrays())

    def outage():
        time.sleep(4)
        bank.machine.run("systemctl stop mosquitto", timeout=60)
        time.sleep(8)
        bank.machine.run("systemctl start mosquitto", timeout=60)

    mark = bank.mark()
    played(bank, log, outage)
    print(f"whole after another {bank.wait_arrays(before + len(expected)):.1f} s")
    assert without_time(bank.arrays(before)) == without_time(expected)
    print(bank.logged(mark))
    assert len([line for line in bank.logged(mark) if "localhost:1883" in line]) == 2
    seen("the broker is away for a while", "\n".join(bank.logged(mark)))


def test_a_kill_while_the_broker_is_away_loses_nothing_that_was_read(on_vcan0, tmp_path):
    """Power for the bridge and the broker goes at once, and comes back."""
    bank = on_vcan0
    log, expected = bank_log(tmp_path, 6, seed=13)
    before = len(bank.arrays())
    bank.machine.run("systemctl kill --signal=KILL mosquitto; systemctl stop mosquitto", timeout=60)
    bank.play(log)
    time.sleep(4)
    assert int(bank.machine.run(f"stat -c %s {STATE}/spool.sqlite3-wal").stdout) > 0
    pid, mark = bank.pid(), bank.mark()
    bank.machine.run(f"kill -KILL {pid}")
    bank.machine.wait(f"test $(systemctl show -P MainPID {SERVICE}) -gt 0", timeout=30)
    assert bank.pid() != pid
    bank.wait_logged("arrays wait for the broker", mark)
    seen("broker and program are killed at once", "\n".join(bank.logged(mark)))
    bank.machine.run("systemctl start mosquitto", timeout=60)
    print(f"whole after {bank.wait_arrays(before + len(expected)):.1f} s")
    assert without_time(bank.arrays(before)) == without_time(expected)


def test_the_clock_may_be_set_back_and_forward(on_vcan0, tmp_path):
    bank, machine = on_vcan0, on_vcan0.machine
    log, expected = bank_log(tmp_path, 12, seed=14)
    before, mark = len(bank.arrays()), bank.mark()

    def set_the_clock():
        for step in ("-1 hour", "+1 year", "-1 year +1 hour"):
            time.sleep(2.5)
            machine.run(f"date -s '{step}'")

    played(bank, log, set_the_clock)
    sent = [each for array in without_time(expected) for each in array]
    for _ in range(WAIT_S):  # the last cycle comes when the bus has been silent for 3 s
        time.sleep(1)
        found = without_time(bank.arrays(before))
        got = [each for array in found for each in array]
        if len(got) >= len(sent) - 3:
            break
    print(f"{len(got)} of {len(sent)} readings in {len(found)} arrays")
    assert all(each in sent for each in got)
    assert len(got) >= len(sent) - 3  # one for each step
    seen("the clock is set back an hour, or forward a year", "\n".join(bank.logged(mark)))


def test_a_spool_that_is_damaged_is_set_aside(bank):
    bank.stop()
    bank.machine.run(f"rm -f {STATE}/*; head -c 20000 /dev/urandom > {STATE}/spool.sqlite3")
    mark = bank.mark()
    bank.start()
    bank.wait_logged("spool.sqlite3: damaged or not a spool file; renamed to spool.damaged-1", mark)
    assert "spool.damaged-1" in bank.machine.run(f"ls {STATE}").stdout
    seen("the spool is damaged at the start", "\n".join(bank.logged(mark)))
    bank.machine.run(f"rm {STATE}/spool.damaged-1")


@pytest.mark.parametrize(
    ("mount", "words"),
    [("rw", "full"), ("ro", "readonly|I/O error")],
)
def test_a_disk_that_is_full_or_read_only_costs_the_spool_only(bank, tmp_path, mount, words):
    machine = bank.machine
    bank.configure()
    bank.stop()
    machine.run(f"mount -t tmpfs -o size=200k none {STATE}")
    try:
        bank.start()
        bank.stop()
        # systemd gives the folder to the service, and could not do so once it is read-only.
        machine.run(f"mount -o remount,{mount} {STATE}")
        mark = bank.mark()
        bank.start()
        log, expected = bank_log(tmp_path, 8, seed=15)
        before = len(bank.arrays())
        machine.run("systemctl stop mosquitto", timeout=60)
        bank.play(log)
        time.sleep(4)
        machine.run("systemctl start mosquitto", timeout=60)
        time.sleep(20)
        lines = [line for line in bank.logged(mark) if "spool" in line]
        print(lines, len(bank.arrays(before)))
        assert len(lines) <= 2
        assert any(
            re.search(f"({words}).*(until it works|without a spool)", line) for line in lines
        )
        assert without_time(bank.arrays(before))[-3:] == without_time(expected)[-3:]
        seen("the spool's disk is full or read-only", "\n".join(lines))
    finally:
        bank.stop()
        machine.run(f"umount {STATE}")


def test_two_thousand_frames_a_second_for_a_minute(on_vcan0, tmp_path):
    """eFlex and foreign traffic, the broker coming and going: no frame dropped, no cycle lost."""
    bank, machine = on_vcan0, on_vcan0.machine
    log, expected = bank_log(tmp_path, 59, seed=16)
    before, mark = len(bank.arrays()), bank.mark()
    lost_before = dropped_before_any_socket(machine)
    count = "cat /sys/class/net/vcan0/statistics/rx_packets"
    first, begun = int(machine.run(count).stdout), time.monotonic()
    script = machine.put(BURST)
    machine.job("foreign", f"python3 {script} send vcan0 1800 58 2A0")

    def broker_comes_and_goes():
        for _ in range(2):
            time.sleep(12)
            machine.run("systemctl stop mosquitto", timeout=60)
            time.sleep(6)
            machine.run("systemctl start mosquitto", timeout=60)

    played(bank, log, broker_comes_and_goes)
    rate = (int(machine.run(count).stdout) - first) / (time.monotonic() - begun)
    machine.stop("foreign")
    seconds = bank.wait_arrays(before + len(expected), timeout=90)
    lines = bank.logged(mark)
    print(f"{rate:.0f} frames/s; whole after another {seconds:.1f} s; {lines}")
    assert not any("faster than they were read" in line for line in lines)
    seen("2,000 frames a second for a minute", "\n".join(lines))
    bank.stop()
    frames, dropped = summary(bank.logged(mark))
    lost = dropped_before_any_socket(machine) - lost_before
    print(f"{frames} frames, dropped {dropped}, {lost} by a kernel that was too busy")
    sent = len(expected) * 14 * FRAMES_PER_BURST
    assert sent - lost <= frames <= sent
    # The emulated sender may stand still for longer than a burst may last; the log has that, too.
    assert dropped.keys() <= {STALE, NO_STATUS} | ({INCOMPLETE} if lost else set())
    missing = 0
    for array, whole in zip(without_time(bank.arrays(before)), without_time(expected), strict=True):
        assert array == [each for each in whole if each in array]
        missing += len(whole) - len(array)
    assert missing <= sum(dropped.values())


def test_a_kill_is_followed_by_a_start(on_vcan0):
    bank, pid, mark = on_vcan0, on_vcan0.pid(), on_vcan0.mark()
    bank.machine.run(f"kill -KILL {pid}")
    bank.machine.wait(f"systemctl is-active --quiet {SERVICE}", timeout=20)
    assert bank.pid() not in (0, pid)
    seen("the program is killed", "\n".join(bank.logged(mark)))
