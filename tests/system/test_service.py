"""The release, installed in the machine as its users do it.

The files ``test_service*`` run in their order: they install, use and remove one service.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from tests.support.bank import CAPTURES
from tests.support.program import ORIGINAL_INI

from .service import SERVICE, bank_log

RELEASE = Path(os.environ["EFLEX_RELEASE"]) / "eflexcan2mqtt_x86_64.tgz"
REAL = os.environ.get("EFLEX_CAPTURES")


@pytest.mark.short
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
    bank.decodes(CAPTURES / "documented_example.log")


def test_the_unit_is_closed_and_says_how_it_is(bank):
    score = bank.machine.run(
        f"systemd-analyze security --no-pager {SERVICE} | tail -1", timeout=60
    ).stdout
    print(score)
    assert float(re.search(r"(\d+\.\d+)", score)[1]) <= 1.5
    time.sleep(2)
    status = bank.machine.run(f"systemctl show -P StatusText {SERVICE}").stdout
    print(status)
    assert re.search(r"3 batteries, \d+ cycles, broker connected to \S+, 0 arrays waiting", status)


def test_health_sees_it_from_outside_and_sees_it_end(bank):
    command = "/usr/local/bin/eflexcan2mqtt/eflexcan2mqtt health"
    for user in ("root", "nobody"):
        said = bank.machine.run(f"cd / && runuser -u {user} -- {command}").stdout
        assert re.match(r"runs: 3 batteries, \d+ cycles, broker connected", said), said
    bank.stop()
    ended = bank.machine.run(f"cd / && {command}", check=False)
    assert (ended.status, "no eflexcan2mqtt runs" in ended.stderr) == (1, True), ended
    bank.start()


def test_an_open_relay_is_seen_in_the_log_and_in_the_status(bank, tmp_path):
    log, _ = bank_log(tmp_path, 14, batteries=3, faults="relay_open:2@0s")
    mark = bank.mark()
    bank.play(log)
    words = "Battery 2: the charge and discharge relays are open"
    bank.wait_logged(f"needs attention: {words}", mark)
    status = bank.machine.run(f"systemctl show -P StatusText {SERVICE}").stdout
    print(status)
    assert f"; attention: {words}" in status


def test_its_log_lines_have_the_priorities_and_no_times_of_their_own(bank):
    shown = bank.machine.run(
        f"journalctl --sync; journalctl -t {SERVICE} -o json --no-pager | tail -3"
    ).stdout
    for line in map(json.loads, shown.splitlines()):
        print(line["PRIORITY"], line["MESSAGE"])
        assert line["PRIORITY"] in ("4", "6")
        assert not re.match(r"<|\d{4}-", line["MESSAGE"])


@pytest.mark.short
@pytest.mark.skipif(not REAL, reason="EFLEX_CAPTURES names no folder with real captures")
def test_a_real_capture_arrives_at_a_subscriber(bank):
    for log in sorted(Path(REAL).glob("*.log")):
        bank.configure()
        bank.start()
        bank.decodes(log, ".extended.json")


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
    bank.wait_logged("localhost:1883: connected", mark)
    machine.run("! ps axww -o args | grep -v grep | grep -q geheim42")
    machine.run(
        "! tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID eflexcan2mqtt)/environ "
        "| grep -q geheim42"
    )
    assert not any("geheim42" in line for line in bank.logged())
    assert machine.run("stat -c %a /etc/eflexcan2mqtt.password").stdout == "600\n"
    machine.run(
        ": > /etc/eflexcan2mqtt.password; cp /share/broker /etc/mosquitto/conf.d/test.conf; "
        "systemctl restart mosquitto",
        timeout=60,
    )
