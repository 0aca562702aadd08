"""A second service, the watchdog, an upgrade and the removal: these come last."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.support.bank import CAPTURES

from .service import SERVICE, STATE, bank_log

MANY_BANKS = (Path(__file__).parents[2] / "docs" / "many-banks.md").read_text()
COPY = r"""
sed -E -e 's/eflexcan2mqtt\.ini/eflexcan2mqtt-barn.ini/' \
  -e 's/^(State|Runtime|Working)Directory=.*/&-barn/' \
  "$(systemctl show -P FragmentPath eflexcan2mqtt)" > /etc/systemd/system/eflexcan2mqtt-barn.service
systemctl daemon-reload
"""
"""How a second bank got its service until 1.3.0."""


def commands(beginning):
    """Those of a block of docs/many-banks.md, without sudo."""
    [block] = re.findall(rf"```bash\n({beginning}.*?)```", MANY_BANKS, re.DOTALL)
    return block.replace("sudo ", "")


def test_a_second_bank_has_a_service_of_its_own(on_vcan0, tmp_path):
    """By the commands of docs/many-banks.md, first in place of the copy that a bank had before."""
    bank, machine = on_vcan0, on_vcan0.machine
    machine.run("ip link add dev vcan1 type vcan && ip link set vcan1 up")
    ini = "[can]\nchannel = vcan1\n[mqtt]\ntopic = eflexbatteries/barn\nclient_id = eflex-barn\n"
    (machine.share / "barn").write_text(ini)
    (machine.share / "copy").write_text(COPY)
    log, _ = bank_log(tmp_path, 4, seed=17)
    barn = machine.put(log)

    def arrays_of_barn(count):
        machine.run(f"canplayer -I {barn} vcan1=can0", timeout=60)
        # `check` sends arrays without batteries.
        machine.wait(
            f"test $(grep -c '^eflexbatteries/barn \\[{{' /run/collector.output) -eq {count}"
        )

    try:
        machine.run("cat /share/barn > /etc/eflexcan2mqtt-barn.ini; bash -e /share/copy")
        machine.run(f"systemctl enable --now {SERVICE}-barn", timeout=60)
        arrays_of_barn(4)
        said = machine.run("cd /root/eflexcan2mqtt_x86_64 && ./install.sh", timeout=90).stdout
        assert f"{SERVICE}@barn.service can replace" in said
        (machine.share / "change").write_text(commands("sudo systemctl disable --now .*-barn\n"))
        machine.run("bash -e /share/change", timeout=60)
        arrays_of_barn(8)
        # The user that systemd makes for the service is another one: it must own what is kept.
        machine.run(
            f'user=$(stat -c %u {STATE}-barn) && test -z "$(find {STATE}-barn ! -uid $user)" && '
            f"! systemctl is-active {SERVICE}-barn"
        )
        machine.run(f"systemctl disable --now {SERVICE}@barn; rm /etc/{SERVICE}-barn.ini")
        begin = commands("sudo cp ").replace("nano", "cp /share/barn")
        (machine.share / "begin").write_text(begin + commands("sudo eflexcan2mqtt --config "))
        said = machine.run("bash /share/begin", timeout=60).stdout  # the check hears no battery
        assert "/etc/eflexcan2mqtt-barn.ini: the settings are good" in said
        assert "cannot read it" not in said
        machine.run("chmod 600 /etc/eflexcan2mqtt-barn.ini")
        check = "/usr/local/sbin/eflexcan2mqtt --config /etc/eflexcan2mqtt-barn.ini --check"
        said = machine.run(check, check=False, timeout=60).stdout
        machine.run("chmod 644 /etc/eflexcan2mqtt-barn.ini")
        assert "eflexcan2mqtt-barn.ini: the service's user cannot read it: run `chmod 644" in said
        before = len(bank.arrays())
        bank.play(CAPTURES / "documented_example.log")
        bank.wait_arrays(before + 1)
        arrays_of_barn(12)
        health = f"RUNTIME_DIRECTORY=/run/{SERVICE}-barn /usr/local/sbin/eflexcan2mqtt health"
        assert machine.run(health).stdout.startswith("runs: ")
        pid = machine.run(f"systemctl show -P MainPID {SERVICE}@barn").stdout
        machine.run("cd /root/eflexcan2mqtt_x86_64 && ./install.sh", timeout=90)
        assert machine.run(f"systemctl show -P MainPID {SERVICE}@barn").stdout not in ("0\n", pid)
    finally:
        machine.run(
            f"systemctl disable --now {SERVICE}@barn {SERVICE}-barn; ip link del vcan1; "
            f"rm -rf {STATE}-barn /var/lib/{SERVICE}-barn /etc/{SERVICE}-barn.ini "
            f"/etc/systemd/system/{SERVICE}-barn.service; systemctl daemon-reload",
            check=False,
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
    print(state, bank.logged(mark))
    assert "failed" in state
    assert "78" in state
    assert bank.machine.run(f"systemctl show -P NRestarts {SERVICE}").stdout == "0\n"
    assert any(
        "eflexcan2mqtt.ini:" in line and "[mqtt] prot: unknown setting" in line
        for line in bank.logged(mark)
    )


@pytest.mark.short
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


@pytest.mark.short
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
