"""docs/install.md as its reader follows it: every command of a way, by a user with sudo, until
arrays arrive."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from tests.support.bank import CAPTURES

from .podman import ask_nobody
from .service import FEED

HOME = Path(__file__).parents[2]
PAGE = (HOME / "docs" / "install.md").read_text()
RELEASE = Path(os.environ.get("EFLEX_RELEASE", ""))
PASSWORD = "geheim-42"
TRIES = 5

EDITOR = f"""#!/bin/sh
# What the reader of the page writes into the file.
case $1 in
*.password) echo {PASSWORD} >"$1" ;;
*.ini) sed -i 's/^# username = solar/username = eflex/' "$1" ;;
esac
"""


def section(title):
    """The text below a heading of the page."""
    found = re.search(rf"^## (?:\d\. )?{title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def here(command):
    """As a reader with a PC and this password writes it."""
    for arm, pc in (("_arm64.deb", "_amd64.deb"), ("_aarch64", "_x86_64"), ("PASSWORD", PASSWORD)):
        command = command.replace(arm, pc)
    return re.sub(r"_\d+\.\d+\.\d+_amd64", "_*_amd64", command)


class Reader:
    """A user of the machine who may use sudo, in a folder with the files of the release."""

    def __init__(self, machine):
        self.machine = machine

    def run(self, commands, typed="", timeout=120):
        """Run them in a login shell; ``typed`` is what a command that asks is given."""
        script = self.machine.share / "commands.sh"
        script.write_text(f"set -eu\ncd release\n{here(commands)}")
        result = self.machine.run(
            f"printf {shlex.quote(typed)} | su - reader -c 'bash -l /share/commands.sh' 2>&1",
            timeout=timeout,
        )
        print(commands, "\n", result.stdout, sep="")
        return result.stdout

    def follow(self, title, typed=""):
        """Every command of a section, in their order; what the blocks printed."""
        for path, text in re.findall(
            r"write `(/etc/\S+)`:\n\n```ini\n(.*?)```", section(title), re.DOTALL
        ):
            (self.machine.share / "written").write_text(text)
            self.machine.run(f"cp /share/written {path}")
        blocks = re.findall(r"```bash\n(.*?)```", section(title), re.DOTALL)
        return [self.run(block, typed) for block in blocks]


@pytest.fixture(scope="module")
def reader(bank):
    """With frames on can0, and a broker that the page has set up instead of that of other tests."""
    machine = bank.machine
    machine.run("systemctl stop mosquitto; rm /etc/mosquitto/conf.d/test.conf", timeout=60)
    (machine.share / "nano").write_text(EDITOR)
    machine.run(
        "useradd --create-home --shell /bin/bash reader && mkdir ~reader/release && "
        "echo 'reader ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/reader && "
        "install -m 755 /share/nano /usr/local/bin/nano && "
        "ip link set can1 up type can bitrate 250000 restart-ms 100"
    )
    for file in RELEASE.iterdir():
        if re.search(r"_amd64\.deb$|_x86_64\.tgz$|^SHA256SUMS$", file.name):
            machine.run(f"cp {machine.put(file)} ~reader/release/", timeout=60)
    machine.run("chown -R reader: ~reader")
    script, log = machine.put(FEED), machine.put(CAPTURES / "documented_example.log")
    machine.job("feed", f"python3 {script} {log} can1 250 1.012")
    found = Reader(machine)
    found.follow("Start the CAN interface")
    machine.wait("ip -details link show can0 | grep -q LISTEN-ONLY")
    found.follow("Check that frames arrive")
    found.follow("Start a broker", typed=f"{PASSWORD}\\n{PASSWORD}\\n")
    yield found
    machine.stop("feed")
    machine.run(
        "systemctl stop eflexcan2mqtt; "  # runs if a test failed, and would disturb those to come
        "rm -f /etc/mosquitto/conf.d/network.conf /etc/mosquitto/passwords"
        " /etc/systemd/network/80-can0.network /usr/local/bin/nano; "
        "systemctl restart systemd-networkd; ip link set can0 down; ip link set can1 down; "
        "userdel --remove reader; rm /etc/sudoers.d/reader",
        check=False,
        timeout=60,
    )
    ask_nobody(machine)


def arrays_come(reader):
    """The section Look, with the line for a broker with a password.

    The emulated controller loses frames while its host is busy: some arrays may miss a battery.
    """
    (line,) = [each for each in section("Look").splitlines() if " -P PASSWORD" in each]
    for _ in range(TRIES):
        arrays = [json.loads(each) for each in reader.run(line, timeout=60).splitlines()]
        sizes = [len(array) for array in arrays]
        print(f"batteries in the arrays: {sizes}")
        if sizes[1:] == [3, 3]:
            return True
    return False


def test_the_debian_package_leads_to_arrays(reader):
    reader.follow("Debian package")
    reader.follow("Settings")
    assert arrays_come(reader)
    reader.run("sudo apt purge --yes eflexcan2mqtt")


def test_the_tarball_leads_to_arrays(reader):
    reader.follow("Tarball")
    reader.follow("Settings")
    assert arrays_come(reader)
    reader.run("cd eflexcan2mqtt_x86_64; sudo ./install.sh --uninstall --purge")
