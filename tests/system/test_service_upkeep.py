"""A second service, the watchdog, an upgrade and the removal: these come last."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.support.bank import CAPTURES

from .service import SERVICE, STATE, bank_log

MANY_BANKS = (Path(__file__).parents[2] / "docs" / "many-banks.md").read_text()


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
