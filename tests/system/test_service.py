"""The release, installed in the machine as its users do it, through everything that can happen.

The tests run in their order: they install, use and remove one service.
"""

from __future__ import annotations

import json
import os
import re
import time
from itertools import islice
from pathlib import Path

import pytest

from eflexcan2mqtt.protocol.assembler import INCOMPLETE, NO_STATUS, STALE
from eflexcan2mqtt.sources import simulator
from tests.support.bank import CAPTURES, FRAMES_PER_BURST, candump_line, published
from tests.support.faults import seen
from tests.support.machine import BURST
from tests.support.program import ORIGINAL_INI

from .busoff import bus_off

RELEASE = Path(os.environ["EFLEX_RELEASE"]) / "eflexcan2mqtt_x86_64.tgz"
REAL = os.environ.get("EFLEX_CAPTURES")
HERE = Path(__file__).parent
MANY_BANKS = (HERE.parents[1] / "docs" / "many-banks.md").read_text()
SERVICE = "eflexcan2mqtt"
STATE = "/var/lib/private/eflexcan2mqtt"

BROKER = """\
listener 1883 127.0.0.1
allow_anonymous true
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
"""


class Bank:
    """The service under test, what it is given and what a subscriber gets of it."""

    def __init__(self, machine):
        self.machine = machine

    def configure(self, **settings):
        """Write the INI: settings by section__key."""
        sections = {"can": {"channel": "vcan0"}, "mqtt": {"fields": "extended"}}
        for name, value in settings.items():
            section, key = name.split("__")
            sections.setdefault(section, {})[key] = value
        lines = []
        for section, values in sections.items():
            lines += [f"[{section}]", *(f"{key} = {value}" for key, value in values.items())]
        (self.machine.share / "ini").write_text("\n".join(lines) + "\n")
        self.machine.run("cat /share/ini > /etc/eflexcan2mqtt.ini")

    def start(self):
        self.machine.run(f"systemctl reset-failed; systemctl restart {SERVICE}", timeout=60)

    def stop(self):
        self.machine.run(f"systemctl stop {SERVICE}", timeout=30)

    def pid(self):
        shown = self.machine.run(f"systemctl show -P MainPID {SERVICE}").stdout
        return int(shown)

    def told(self, since=0):
        """The lines of its log, from the given one on."""
        said = self.machine.run(
            f"journalctl --sync; journalctl -o cat -t {SERVICE} --no-pager"
        ).stdout.splitlines()
        return said[since:]

    def mark(self):
        return len(self.told())

    def wait_told(self, words, since, timeout=30):
        """Wait for a line with the words; how long that took."""
        begun = time.monotonic()
        while not any(words in line for line in self.told(since)):
            assert time.monotonic() - begun < timeout, f"{words!r} not in {self.told(since)}"
            time.sleep(0.3)
        return time.monotonic() - begun

    def arrays(self, since=0):
        """What the subscriber has received."""
        lines = self.machine.output("collector").splitlines()
        payloads = [line.split(" ", 1)[1] for line in lines if line.startswith("eflexbatteries [")]
        return [json.loads(each) for each in payloads][since:]

    def wait_arrays(self, count, timeout=60):
        """Wait until so many arrays are there."""
        begun = time.monotonic()
        while len(found := self.arrays()) < count:
            assert time.monotonic() - begun < timeout, f"{len(found)} of {count} arrays"
            time.sleep(0.5)
        return time.monotonic() - begun

    def play(self, log, timeout=120):
        """Play a log on vcan0 as it was recorded."""
        path = self.machine.put(log)
        self.machine.run(f"canplayer -I {path} vcan0=can0", timeout=timeout)

    def feed(self, interface="can1"):
        """Three batteries, cycle after cycle, evenly paced, as a job named feed."""
        script = self.machine.put(HERE / "feed.py")
        log = self.machine.put(CAPTURES / "documented_example.log")
        self.machine.job("feed", f"python3 {script} {log} {interface} 250 1.012")


def summary(lines):
    """The frames that a stopped service took, and the blocks that it dropped, by reason."""
    found = re.search(r"frames: (\d+), cycles: \d+, dropped blocks: (.*)", "\n".join(lines))
    dropped = re.findall(r"(\d+) ([a-z ]+)", found[2])
    return int(found[1]), {reason: int(count) for count, reason in dropped}


def dropped_before_any_socket(machine):
    """Packets that the kernel could not even queue: emulated processors have their limits."""
    lines = machine.run("cat /proc/net/softnet_stat").stdout.splitlines()
    return sum(int(line.split()[1], 16) for line in lines)


def without_time(arrays):
    return [[{k: v for k, v in each.items() if k != "time"} for each in array] for array in arrays]


def bank_log(folder, cycles, batteries=14, seed=11):
    """A log of the simulator, and the arrays in it."""
    frames = list(
        islice(
            simulator.frames(batteries, 1_700_000_000.0, seed),
            cycles * batteries * FRAMES_PER_BURST,
        )
    )
    path = folder / f"bank_{cycles}_{batteries}_{seed}.log"
    path.write_text("".join(map(candump_line, frames)))
    return path, published(frames, "extended")


@pytest.fixture(scope="module")
def bank(machine):
    """The machine with vcan0, a broker and a subscriber that misses nothing."""
    machine.run("modprobe vcan && ip link add dev vcan0 type vcan && ip link set vcan0 up")
    (machine.share / "broker").write_text(BROKER)
    machine.run("cp /share/broker /etc/mosquitto/conf.d/test.conf")
    machine.run("rm -f /var/lib/mosquitto/*; systemctl start mosquitto", timeout=60)
    machine.job(
        "collector",
        "exec mosquitto_sub -i collector -c -q 2 -v -t eflexbatteries/#",
        "StandardOutput=append:/run/collector.output",
        "Restart=always",
        "RestartSec=1",
        "StartLimitIntervalSec=0",
    )
    yield Bank(machine)
    for job in ("feed", "collector"):
        machine.stop(job)
    machine.run("systemctl stop mosquitto; ip link del vcan0", check=False)


def test_it_replaces_the_original_and_keeps_its_payload(bank):
    """Its unit, its INI and its folder in place, then ours over them."""
    machine = bank.machine
    (machine.share / "original.ini").write_text(
        ORIGINAL_INI.replace("conf/logs", "")
        .replace("can0", "vcan0")
        .replace("publish_interval = 60", "publish_interval = 0")
    )
    machine.run(
        "mkdir -p /usr/local/bin/eflexcan2mqtt && touch /usr/local/bin/eflexcan2mqtt/stale.so && "
        "cp /share/original.ini /etc/eflexcan2mqtt.ini && printf '[Unit]\\nDescription=old\\n"
        "[Service]\\nExecStart=/usr/local/bin/eflexcan2mqtt/eflexcan2mqtt\\n"
        "[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/eflexcan2mqtt.service"
    )
    archive = machine.put(RELEASE)
    machine.run(f"cd /root && tar -xzf {archive}")
    said = machine.run("cd /root/eflexcan2mqtt_x86_64 && ./install.sh", timeout=90).stdout
    print(said)
    assert (
        "/etc/eflexcan2mqtt.ini is kept as it is; the new one is /etc/eflexcan2mqtt.ini.new" in said
    )
    for command in (
        "nano /etc/eflexcan2mqtt.ini",
        "eflexcan2mqtt --config /etc/eflexcan2mqtt.ini --check",
        "systemctl start",
    ):
        assert f"    sudo {command}" in said
    machine.run("! test -e /usr/local/bin/eflexcan2mqtt/stale.so")
    assert machine.run(f"systemctl is-enabled {SERVICE}").stdout == "enabled\n"
    assert machine.run(f"systemctl is-active {SERVICE}", check=False).stdout == "inactive\n"
    assert machine.run("sysctl -n net.core.rmem_max").stdout == "1048576\n"
    assert "eflexcan2mqtt " in machine.run("/usr/local/sbin/eflexcan2mqtt --version").stdout
    verified = machine.run(f"systemd-analyze verify {SERVICE}.service", timeout=60)
    assert verified.stderr == ""
    bank.start()
    bank.play(CAPTURES / "documented_example.log")
    bank.wait_arrays(1)
    expected = json.loads((CAPTURES / "documented_example.json").read_text())
    assert without_time(bank.arrays()) == without_time([expected])


def test_the_unit_is_closed_and_says_how_it_is(bank):
    score = bank.machine.run(
        f"systemd-analyze security --no-pager {SERVICE} | tail -1", timeout=60
    ).stdout
    print(score)
    assert float(re.search(r"(\d+\.\d+)", score)[1]) <= 1.5
    time.sleep(2)
    status = bank.machine.run(f"systemctl show -P StatusText {SERVICE}").stdout
    print(status)
    assert re.search(r"3 batteries, \d+ cycles, broker connected, 0 arrays waiting", status)


def test_its_log_lines_have_the_priorities_and_no_times_of_their_own(bank):
    shown = bank.machine.run(
        f"journalctl --sync; journalctl -t {SERVICE} -o json --no-pager | tail -3"
    ).stdout
    for line in map(json.loads, shown.splitlines()):
        print(line["PRIORITY"], line["MESSAGE"])
        assert line["PRIORITY"] in ("4", "6")
        assert not re.match(r"<|\d{4}-", line["MESSAGE"])


@pytest.mark.skipif(not REAL, reason="EFLEX_CAPTURES names no folder with real captures")
def test_a_real_capture_arrives_at_a_subscriber(bank):
    for log in sorted(Path(REAL).glob("*.log")):
        bank.configure()
        bank.start()
        before = len(bank.arrays())
        bank.play(log)
        expected = [
            json.loads(each) for each in log.with_suffix(".extended.json").read_text().splitlines()
        ]
        bank.wait_arrays(before + len(expected))
        assert without_time(bank.arrays(before)) == without_time(expected)
        print(f"{log.name}: {len(expected)} arrays")


def test_the_password_comes_as_a_credential_and_is_nowhere_to_be_seen(bank):
    machine = bank.machine
    machine.run(
        "mosquitto_passwd -b -c /etc/mosquitto/passwords solar geheim42 && "
        "chown mosquitto /etc/mosquitto/passwords && "
        "sed -i 's/allow_anonymous true/allow_anonymous false\\npassword_file "
        "\\/etc\\/mosquitto\\/passwords/' /etc/mosquitto/conf.d/test.conf && "
        "systemctl restart mosquitto && printf geheim42 > /etc/eflexcan2mqtt.password",
        timeout=60,
    )
    bank.configure(mqtt__username="solar")
    mark = bank.mark()
    bank.start()
    bank.wait_told("localhost:1883: connected", mark)
    machine.run("! ps axww -o args | grep -v grep | grep -q geheim42")
    machine.run(
        "! tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID eflexcan2mqtt)/environ "
        "| grep -q geheim42"
    )
    assert not any("geheim42" in line for line in bank.told())
    assert machine.run("stat -c %a /etc/eflexcan2mqtt.password").stdout == "600\n"
    machine.run(
        ": > /etc/eflexcan2mqtt.password; cp /share/broker /etc/mosquitto/conf.d/test.conf; "
        "systemctl restart mosquitto",
        timeout=60,
    )


CAN0_UP = "ip link set can0 up type can bitrate 250000 restart-ms 100"
CAN0 = "$(basename $(readlink /sys/class/net/can0/device))"


def flowing(bank, since, timeout=15):
    """Wait for arrays of all three batteries behind the given one."""
    begun = time.monotonic()
    # A whole cycle has to pass, and the next one to begin.
    while not any(len(array) == 3 for array in bank.arrays(since)):
        assert time.monotonic() - begun < timeout, bank.told()[-5:]
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
    bank.wait_told("can0: Network is down; retrying until it works", mark)
    time.sleep(6)
    bank.machine.run(CAN0_UP)
    since = len(bank.arrays())
    print(f"arrays again after {flowing(bank, since):.1f} s")
    lines = bank.told(mark)
    print(lines)
    assert len([line for line in lines if "can0: " in line]) == 2
    seen("the interface goes down, and up again", "\n".join(lines))


def test_an_adapter_that_is_pulled_and_plugged_in_again(on_can0):
    bank, mark = on_can0, on_can0.mark()
    bank.machine.run(f"echo 1 > /sys/bus/pci/devices/{CAN0}/remove")
    bank.wait_told("; retrying until it works", mark)
    time.sleep(5)
    bank.machine.run("echo 1 > /sys/bus/pci/rescan")
    bank.machine.wait("test -e /sys/class/net/can0")
    bank.machine.run(CAN0_UP)
    since = len(bank.arrays())
    print(f"arrays again after {flowing(bank, since):.1f} s")
    lines = bank.told(mark)
    print(lines)
    assert len([line for line in lines if "can0: " in line]) == 2
    seen("the adapter is unplugged and plugged in again", "\n".join(lines))


def test_an_interface_that_is_not_there_at_the_start(on_can0):
    bank = on_can0
    bank.stop()
    bank.machine.run(f"echo 1 > /sys/bus/pci/devices/{CAN0}/remove")
    mark = bank.mark()
    bank.start()
    bank.wait_told("can0: No such device; retrying until it works", mark)
    assert bank.machine.run(f"systemctl is-active {SERVICE}").stdout == "active\n"
    time.sleep(4)
    bank.machine.run("echo 1 > /sys/bus/pci/rescan")
    bank.machine.wait("test -e /sys/class/net/can0")
    bank.machine.run(CAN0_UP)
    since = len(bank.arrays())
    print(f"arrays after {flowing(bank, since):.1f} s; {bank.told(mark)}")
    assert len([line for line in bank.told(mark) if "can0: " in line]) == 2
    seen("the interface is missing at the start", "\n".join(bank.told(mark)))


def test_a_bus_that_goes_off(on_can0):
    bank, mark = on_can0, on_can0.mark()
    bus_off(bank.machine, "can0")
    since = len(bank.arrays())
    print(f"arrays again after {flowing(bank, since):.1f} s; {bank.told(mark)}")


def test_a_bus_that_is_up_but_silent(on_can0):
    bank, mark = on_can0, on_can0.mark()
    bank.machine.stop("feed")
    bank.wait_told("can0: no frames from any battery for 3 s", mark)
    time.sleep(8)
    bank.feed()
    bank.wait_told("can0: the batteries are back after", mark)
    print(bank.told(mark))
    assert len(bank.told(mark)) == 2
    seen("the bus is up, but silent", "\n".join(bank.told(mark)))


@pytest.fixture
def on_vcan0(bank):
    """The service on vcan0, which carries real bursts; whole arrays are counted from here."""
    bank.configure()
    bank.start()
    bank.machine.wait(
        "grep -q '^ *vcan0 ' /proc/net/can/rcvlist_fil /proc/net/can/rcvlist_sff "
        "/proc/net/can/rcvlist_all"
    )
    bank.machine.run("systemctl is-active mosquitto || systemctl start mosquitto", timeout=60)
    return bank


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
    before, pid = len(bank.arrays()), bank.pid()

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
    print(bank.told(mark))
    assert len([line for line in bank.told(mark) if "localhost:1883" in line]) == 2


def test_a_kill_while_the_broker_is_away_loses_nothing_that_was_read(on_vcan0, tmp_path):
    """Power for the bridge and the broker goes at once, and comes back."""
    bank = on_vcan0
    log, expected = bank_log(tmp_path, 6, seed=13)
    before = len(bank.arrays())
    bank.machine.run("systemctl kill --signal=KILL mosquitto; systemctl stop mosquitto", timeout=60)
    bank.play(log)
    time.sleep(4)
    assert int(bank.machine.run(f"stat -c %s {STATE}/spool.sqlite3-wal").stdout) > 0
    pid = bank.pid()
    bank.machine.run(f"kill -KILL {pid}")
    bank.machine.wait(f"test $(systemctl show -P MainPID {SERVICE}) -gt 0", timeout=30)
    assert bank.pid() != pid
    bank.machine.run("systemctl start mosquitto", timeout=60)
    print(f"whole after {bank.wait_arrays(before + len(expected)):.1f} s")
    assert without_time(bank.arrays(before)) == without_time(expected)


def test_the_clock_may_be_set_back_and_forward(on_vcan0, tmp_path):
    bank, machine = on_vcan0, on_vcan0.machine
    log, expected = bank_log(tmp_path, 12, seed=14)
    before = len(bank.arrays())

    def set_the_clock():
        for step in ("-1 hour", "+1 year", "-1 year +1 hour"):
            time.sleep(2.5)
            machine.run(f"date -s '{step}'")

    played(bank, log, set_the_clock)
    time.sleep(4)
    found = without_time(bank.arrays(before))
    sent = [each for array in without_time(expected) for each in array]
    got = [each for array in found for each in array]
    print(f"{len(got)} of {len(sent)} readings in {len(found)} arrays")
    assert all(each in sent for each in got)
    assert len(got) >= len(sent) - 3  # one for each step


def test_a_spool_that_is_damaged_is_set_aside(bank):
    bank.stop()
    bank.machine.run(f"rm -f {STATE}/*; head -c 20000 /dev/urandom > {STATE}/spool.sqlite3")
    mark = bank.mark()
    bank.start()
    bank.wait_told("spool.sqlite3: damaged or not a spool file; renamed to spool.damaged-1", mark)
    assert "spool.damaged-1" in bank.machine.run(f"ls {STATE}").stdout
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
        lines = [line for line in bank.told(mark) if "spool" in line]
        print(lines, len(bank.arrays(before)))
        assert len(lines) <= 2
        assert any(
            re.search(f"({words}).*(until it works|without a spool)", line) for line in lines
        )
        assert without_time(bank.arrays(before))[-3:] == without_time(expected)[-3:]
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
    lines = bank.told(mark)
    print(f"{rate:.0f} frames/s; whole after another {seconds:.1f} s; {lines}")
    assert not any("faster than they were read" in line for line in lines)
    bank.stop()
    frames, dropped = summary(bank.told(mark))
    lost = dropped_before_any_socket(machine) - lost_before
    print(f"{frames} frames, dropped {dropped}, {lost} by a kernel that was too busy")
    sent = len(expected) * 14 * FRAMES_PER_BURST
    assert sent - lost <= frames <= sent
    # The emulated sender may stand still for longer than a burst may last.  That is told, too.
    assert dropped.keys() <= {STALE, NO_STATUS} | ({INCOMPLETE} if lost else set())
    missing = 0
    for array, whole in zip(without_time(bank.arrays(before)), without_time(expected), strict=True):
        assert array == [each for each in whole if each in array]
        missing += len(whole) - len(array)
    assert missing <= sum(dropped.values())


def test_a_kill_is_followed_by_a_start(on_vcan0):
    bank, pid = on_vcan0, on_vcan0.pid()
    bank.machine.run(f"kill -KILL {pid}")
    bank.machine.wait(f"systemctl is-active --quiet {SERVICE}", timeout=20)
    assert bank.pid() not in (0, pid)


def test_a_second_bank_has_a_service_of_its_own(on_vcan0, tmp_path):
    """By the very commands of docs/many-banks.md."""
    bank, machine = on_vcan0, on_vcan0.machine
    commands = re.search(r"```bash\n(sudo cp .*?)```", MANY_BANKS, re.DOTALL)[1]
    (machine.share / "second").write_text(commands.replace("sudo ", ""))
    machine.run("bash -e /share/second", timeout=60)
    machine.run("ip link add dev vcan1 type vcan && ip link set vcan1 up")
    ini = "[can]\nchannel = vcan1\n[mqtt]\ntopic = eflexbatteries/barn\nclient_id = eflex-barn\n"
    (machine.share / "ini").write_text(ini)
    machine.run("cat /share/ini > /etc/eflexcan2mqtt-barn.ini")
    try:
        machine.run(f"systemctl start {SERVICE}-barn", timeout=60)
        log, _ = bank_log(tmp_path, 4, seed=17)
        machine.run(f"canplayer -I {machine.put(log)} vcan1=can0", timeout=60)
        before = len(bank.arrays())
        bank.play(CAPTURES / "documented_example.log")
        bank.wait_arrays(before + 1)
        machine.wait("test $(grep -c '^eflexbatteries/barn \\[' /run/collector.output) -eq 4")
        machine.run(
            f"systemctl is-active {SERVICE} && systemctl is-active {SERVICE}-barn && "
            f"test -d {STATE}-barn"
        )
    finally:
        machine.run(
            f"systemctl stop {SERVICE}-barn; ip link del vcan1; rm -rf {STATE}-barn "
            f"/etc/eflexcan2mqtt-barn.ini /etc/systemd/system/{SERVICE}-barn.service; "
            "systemctl daemon-reload",
            timeout=60,
        )


def test_the_watchdog_ends_a_process_that_stands_still(bank):
    machine = bank.machine
    machine.run(
        f"mkdir -p /run/systemd/system/{SERVICE}.service.d && cd /run/systemd/system && "
        f"printf '[Service]\\nWatchdogSec=6\\n' > {SERVICE}.service.d/quick.conf && "
        "systemctl daemon-reload"
    )
    bank.start()
    pid = bank.pid()
    time.sleep(8)
    assert bank.pid() == pid
    machine.run(f"kill -STOP {pid}")
    machine.wait(f"test $(systemctl show -P NRestarts {SERVICE}) -gt 0", timeout=40)
    machine.run(f"rm -r /run/systemd/system/{SERVICE}.service.d; systemctl daemon-reload")
    assert "Watchdog timeout" in machine.log(SERVICE)


def test_a_wrong_ini_is_not_tried_again(bank):
    bank.stop()
    mark = bank.mark()
    bank.configure(mqtt__prot="1883")
    bank.machine.run(f"systemctl start {SERVICE}", check=False, timeout=60)
    time.sleep(8)
    state = bank.machine.run(f"systemctl show -P ActiveState,ExecMainStatus {SERVICE}").stdout
    print(state, bank.told(mark))
    assert "failed" in state
    assert "78" in state
    assert bank.machine.run(f"systemctl show -P NRestarts {SERVICE}").stdout == "0\n"
    assert any(
        "eflexcan2mqtt.ini:" in line and "[mqtt] prot: unknown setting" in line
        for line in bank.told(mark)
    )


def test_an_upgrade_keeps_the_ini_and_restarts_what_runs(bank):
    bank.configure()
    bank.start()
    pid = bank.pid()
    bank.machine.run("touch /usr/local/bin/eflexcan2mqtt/stale")
    said = bank.machine.run("cd /root/eflexcan2mqtt_x86_64 && ./install.sh", timeout=90).stdout
    print(said)
    assert "was restarted" in said
    assert bank.pid() not in (0, pid)
    bank.machine.run("! test -e /usr/local/bin/eflexcan2mqtt/stale")
    assert "fields = extended" in bank.machine.run("cat /etc/eflexcan2mqtt.ini").stdout


def test_a_release_for_another_machine_touches_nothing(bank):
    machine, pid = bank.machine, bank.pid()
    machine.run(
        "cp -r /root/eflexcan2mqtt_x86_64 /tmp/other; echo '9.9 armhf' > /tmp/other/VERSION"
    )
    done = machine.run("cd /tmp/other && ./install.sh", check=False)
    print(done)
    assert done.status == 1
    assert "this release is for armhf, the machine is x86_64" in done.stderr
    assert bank.pid() == pid
    done = machine.run("cd /tmp/other && setpriv --reuid=1000 ./install.sh", check=False)
    assert "must be run as root" in done.stderr


def test_it_goes_without_a_trace_but_for_what_is_the_owners(bank):
    machine = bank.machine
    print(machine.run("cd /root/eflexcan2mqtt_x86_64 && ./install.sh --uninstall").stdout)
    for gone in (
        "/usr/local/bin/eflexcan2mqtt",
        "/usr/local/sbin/eflexcan2mqtt",
        f"/etc/systemd/system/{SERVICE}.service",
    ):
        machine.run(f"! test -e {gone}")
    machine.run(f"test -e /etc/eflexcan2mqtt.ini && test -d {STATE}")
    machine.run("cd /root/eflexcan2mqtt_x86_64 && ./install.sh --uninstall --purge")
    machine.run(f"! test -e /etc/eflexcan2mqtt.ini && ! test -e {STATE}")
