"""The Debian package, installed in the machine as its owners do it: with apt, and nobody to ask.

The tests run in their order, and leave a machine on which nothing was installed.
"""

from __future__ import annotations

import filecmp
import os
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from eflexcan2mqtt import __version__
from tests.support.bank import CAPTURES
from tests.support.later_deb import later_deb
from tests.support.old_release import old_release
from tests.support.program import ORIGINAL_INI

from .service import SERVICE, STATE, bank_log, without_time

HOME = Path(__file__).parents[2]
RELEASE = Path(os.environ["EFLEX_RELEASE"])
DEB = RELEASE / f"eflexcan2mqtt_{__version__}_amd64.deb"
REAL = os.environ.get("EFLEX_CAPTURES")
APT_S = 180.0
DEB_S = 900.0
"""With the Debian that it is made in; without, a minute."""
UNIT = f"/etc/systemd/system/{SERVICE}.service"
OLD_PROGRAM = "/usr/local/bin/eflexcan2mqtt"
NEW_PROGRAM = "/usr/lib/eflexcan2mqtt/eflexcan2mqtt"
ORIGINAL_UNIT = f"""\
[Unit]
Description=eFlex CAN to MQTT
[Service]
ExecStart={OLD_PROGRAM}/eflexcan2mqtt
[Install]
WantedBy=multi-user.target
"""
ORIGINAL_PROGRAM = "#!/bin/sh\nexec sleep infinity\n"
"""Stands for it: what it does is no part of the installation."""


def apt(machine, *arguments):
    """Run apt without a terminal; what the package's scripts say."""
    done = machine.run(f"apt --yes {' '.join(arguments)} <&-", timeout=APT_S)
    return [
        line.removeprefix("eflexcan2mqtt: ")
        for line in done.stdout.splitlines()
        if line.startswith("eflexcan2mqtt: ")
    ]


def install(machine, deb=DEB):
    return apt(machine, "install", machine.put(deb))


def purge(machine):
    """Remove it with all its settings, and look for anything that is left."""
    apt(machine, "purge", "eflexcan2mqtt")
    found = "find / -xdev -path /proc -prune -o -name '*eflexcan2mqtt*' -print"
    assert (
        machine.run(f"{found} | grep -vE '^/(share|root|run/eflex|var/log)'", check=False).stdout
        == ""
    )
    units = f"systemctl list-units --all --no-legend '{SERVICE}*'"
    assert machine.run(units).stdout == ""


def state(machine):
    """Whether it starts at boot, and whether it runs."""
    said = machine.run(
        f"systemctl is-enabled {SERVICE}; systemctl is-active {SERVICE}", check=False
    )
    return said.stdout.split()


def program(bank):
    """What runs as the service."""
    return bank.machine.run(f"readlink /proc/{bank.pid()}/exe").stdout.strip()


def test_the_same_program_gives_the_same_bytes(tmp_path):
    """The program of the tarball, packed anew on this host."""
    name = "eflexcan2mqtt_x86_64"
    with tarfile.open(RELEASE / f"{name}.tgz") as archive:
        archive.extractall(tmp_path, filter="data")
        built = archive.getmember(f"{name}/VERSION").mtime
    subprocess.run(
        [HOME / "packaging/deb.sh", "x86_64", tmp_path / name / "eflexcan2mqtt", tmp_path / "out"],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(built)},
        check=True,
        timeout=DEB_S,
    )
    assert filecmp.cmp(tmp_path / "out" / DEB.name, DEB, shallow=False)


def test_it_takes_over_the_original_which_runs(bank):
    """As its README lays it out: folder, unit and INI."""
    machine = bank.machine
    settings = ORIGINAL_INI.replace("conf/logs", "").replace("can0", "vcan0")
    for name, text in (
        ("original.ini", settings.replace("publish_interval = 60", "publish_interval = 0")),
        ("original.service", ORIGINAL_UNIT),
        ("original.sh", ORIGINAL_PROGRAM),
    ):
        (machine.share / name).write_text(text)
    machine.run(
        f"install -D /share/original.sh {OLD_PROGRAM}/eflexcan2mqtt && "
        "cp /share/original.ini /etc/eflexcan2mqtt.ini && "
        f"cp /share/original.service {UNIT} && systemctl enable --now {SERVICE}",
        timeout=60,
    )
    took_over, kept = install(machine)
    assert took_over == (
        "took over the installation by install.sh: INI, password and spool are kept; "
        f"removed {UNIT} {OLD_PROGRAM}"
    )
    assert (
        kept == "/etc/eflexcan2mqtt.ini is kept as it is; the new one is /etc/eflexcan2mqtt.ini.new"
    )
    assert state(machine) == ["enabled", "active"]
    assert program(bank) == NEW_PROGRAM
    bank.decodes(CAPTURES / "documented_example.log")
    purge(machine)


def test_a_first_installation_is_enabled_and_waits_for_its_ini(bank):
    machine = bank.machine
    machine.run("sysctl --quiet --write net.core.rmem_max=212992")
    assert install(machine) == [
        "edit /etc/eflexcan2mqtt.ini, then run: sudo systemctl start eflexcan2mqtt"
    ]
    assert state(machine) == ["enabled", "inactive"]
    assert machine.run("sysctl -n net.core.rmem_max").stdout == "1048576\n"
    assert machine.run("stat -c %a:%s /etc/eflexcan2mqtt.password").stdout == "600:0\n"
    assert machine.run("eflexcan2mqtt --version").stdout == f"eflexcan2mqtt {__version__}\n"
    assert machine.run(f"systemd-analyze verify {SERVICE}.service", timeout=60).stderr == ""
    for path in (
        "man/man1/eflexcan2mqtt.1.gz",
        "bash-completion/completions/eflexcan2mqtt",
        *("doc/eflexcan2mqtt/" + name for name in ("README.md", "docs/settings.md", "copyright")),
        *("doc/eflexcan2mqtt/" + name for name in ("examples/telegraf.conf", "licenses/VERSIONS")),
    ):
        machine.run(f"test -s /usr/share/{path}")


@pytest.mark.skipif(not REAL, reason="EFLEX_CAPTURES names no folder with real captures")
def test_a_real_capture_arrives_at_a_subscriber(bank):
    bank.configure()
    bank.start()
    for log in sorted(Path(REAL).glob("*.log")):
        bank.decodes(log, ".extended.json")


def test_install_sh_refuses_to_touch_it(bank):
    machine = bank.machine
    script = machine.put(HOME / "install.sh")
    before = machine.run("md5sum /etc/eflexcan2mqtt.* /usr/lib/eflexcan2mqtt/eflexcan2mqtt").stdout
    for arguments in ("", "--uninstall", "--uninstall --purge"):
        done = machine.run(f"{script} {arguments}", check=False)
        assert done.status == 1
        assert "is installed as a Debian package" in done.stderr
        assert "`sudo apt remove eflexcan2mqtt` removes it" in done.stderr
    after = machine.run("md5sum /etc/eflexcan2mqtt.* /usr/lib/eflexcan2mqtt/eflexcan2mqtt").stdout
    assert after == before
    machine.run(f"! test -e {UNIT} && ! test -e {OLD_PROGRAM}")


def test_a_removal_keeps_settings_and_spool_for_the_next_installation(bank):
    machine = bank.machine
    bank.configure()
    bank.start()
    apt(machine, "remove", "eflexcan2mqtt")
    machine.run(
        "test -s /etc/eflexcan2mqtt.ini && test -e /etc/eflexcan2mqtt.password && "
        f"test -d {STATE} && "
        f"! test -e /usr/bin/eflexcan2mqtt && ! systemctl is-active {SERVICE}"
    )


def test_it_takes_over_version_1_2_0_and_loses_no_array_of_an_outage(bank, tmp_path):
    """install.sh has installed it where the package had been removed, but not purged."""
    machine = bank.machine
    machine.put(old_release("1.2.0", tmp_path), "1.2.0")
    machine.run("cd /share/1.2.0 && ./install.sh", timeout=180)
    machine.run(
        f"mkdir -p {UNIT}.d && printf '[Service]\\nEnvironment=OWN=yes\\n' > {UNIT}.d/own.conf && "
        "systemctl daemon-reload",
        timeout=90,
    )
    bank.configure(mqtt__fields="documented")
    bank.start()
    assert program(bank).startswith(OLD_PROGRAM)
    before = len(bank.arrays())
    log, expected = bank_log(tmp_path, 6, seed=18, fields="documented")
    machine.run("systemctl stop mosquitto", timeout=60)
    bank.play(log)
    time.sleep(4)  # the last cycle ends with a silence of 3 s
    said = install(machine)
    assert said[0] == (
        "took over the installation by install.sh: INI, password and spool are kept; removed "
        f"{UNIT} {OLD_PROGRAM} /usr/local/sbin/eflexcan2mqtt /etc/sysctl.d/10-eflexcan2mqtt.conf"
    )
    assert state(machine) == ["enabled", "active"]
    assert program(bank) == NEW_PROGRAM
    assert "OWN=yes" in machine.run(f"systemctl show -P Environment {SERVICE}").stdout
    machine.run("systemctl start mosquitto", timeout=60)
    bank.wait_arrays(before + len(expected))
    assert without_time(bank.arrays(before)) == without_time(expected)
    machine.run(f"rm -r {UNIT}.d && systemctl daemon-reload", timeout=90)


def test_an_upgrade_keeps_the_ini_and_restarts_what_runs(bank, tmp_path):
    machine = bank.machine
    bank.configure(mqtt__keepalive=61)
    bank.start()
    machine.run("rm -f /etc/eflexcan2mqtt.ini.new")
    pid = bank.pid()
    assert install(machine, later_deb(DEB, "1000", "# new", tmp_path)) == [
        "/etc/eflexcan2mqtt.ini is kept as it is; the new one is /etc/eflexcan2mqtt.ini.new"
    ]
    assert "keepalive = 61" in machine.run("cat /etc/eflexcan2mqtt.ini").stdout
    assert machine.run("tail -n 1 /etc/eflexcan2mqtt.ini.new").stdout == "# new\n"
    assert state(machine) == ["enabled", "active"]
    assert bank.pid() not in (0, pid)


def test_an_upgrade_leaves_a_stopped_and_disabled_service_alone(bank, tmp_path):
    machine = bank.machine
    machine.run(f"systemctl disable --now {SERVICE}; rm /etc/eflexcan2mqtt.ini.new", timeout=60)
    assert install(machine, later_deb(DEB, "1001", "# new", tmp_path)) == []
    assert state(machine) == ["disabled", "inactive"]
    machine.run("! test -e /etc/eflexcan2mqtt.ini.new")


def test_a_purge_leaves_nothing_not_even_of_more_banks(bank):
    machine = bank.machine
    machine.run(
        "sed 's/eflexbatteries/barn/; s/^client_id = .*/client_id = barn/' "
        "/usr/share/eflexcan2mqtt/eflexcan2mqtt.ini > /etc/eflexcan2mqtt-barn.ini && "
        f"systemctl start {SERVICE} && systemctl enable --now {SERVICE}@barn && "
        f"systemd-analyze verify {SERVICE}@barn.service && test -d {STATE}-barn",
        timeout=90,
    )
    purge(machine)
