"""The container image under podman, by the commands of docs/install.md.

Each command of podman takes many seconds in the emulated machine.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.support.containers import CONTAINER

from .podman import (
    EXPECTED,
    HEALTH_BY_HAND,
    LOG,
    PODMAN_S,
    ask_for_password,
    ask_nobody,
    exit_code,
    load,
    of_process,
    pid,
    wait_for_listener,
)
from .service import without_time

pytestmark = pytest.mark.usefixtures("timed")

PAGE = (Path(__file__).parents[2] / "docs" / "install.md").read_text()
SECTION = PAGE.partition("## Container\n")[2].partition("\n## ")[0]
COMMANDS = re.findall(r"```bash\n(.*?)```", SECTION, re.DOTALL)
NAME = "eflexcan2mqtt"
IMAGE = "localhost/eflexcan2mqtt"
DATA = "/srv/eflexcan2mqtt"
INI = """\
[mqtt]
topic = of/the/ini
[can]
channel = none
[logging]
log_level = debug
"""


def the_command(words):
    """The one block of the page that holds these words, with the test's CAN interface."""
    (found,) = (each for each in COMMANDS if words in each)
    return found.replace("CHANNEL=can0", "CHANNEL=vcan0")


RUN = the_command("podman run")
SECRET = the_command("mqtt-password")
SECRET_OPTIONS = re.search(r"```text\n(  --env .*?)```", SECTION, re.DOTALL)[1]


def run_with(options=""):
    """The page's command to start it, in place of one that is there, with more options.

    The test asks for the health itself: each question costs podman seconds here.
    """
    return RUN.replace("--detach", f"--detach --replace {HEALTH_BY_HAND} {options}")


@pytest.fixture(scope="module")
def container(bank):
    """The machine, where the page's container reads vcan0, with an INI in its folder.

    No registry can be reached: the image is built outside, from the same Containerfile.
    """
    machine = bank.machine
    assert "podman build" in the_command("podman build")
    assert load(machine, CONTAINER) == IMAGE
    machine.run(the_command("install --directory"))
    (machine.share / "ini").write_text(INI)
    machine.run(f"cp /share/ini {DATA}/eflexcan2mqtt.ini")
    machine.run(run_with("--env EFLEXCAN2MQTT_MQTT_TOPIC=eflexbatteries"), timeout=PODMAN_S)
    wait_for_listener(machine, "vcan0")
    yield machine
    ask_nobody(machine)
    machine.run(f"podman rm --force --time 5 {NAME}", timeout=PODMAN_S, check=False)
    machine.run(f"podman rmi {IMAGE}; rm -r {DATA}", timeout=PODMAN_S, check=False)


def test_arrays_arrive_by_the_commands_of_the_page(bank, container):
    """Variables win over the INI: its topic is another one, its channel does not exist.

    What only the INI has holds: at this level the log shows the packets.  While the batteries go
    on, the page's questions are answered.
    """
    before = len(bank.arrays())
    bank.play(LOG)
    bank.wait_arrays(before + len(EXPECTED))
    assert without_time(bank.arrays(before)) == without_time(EXPECTED)
    container.job("player", f"exec canplayer -l i -I /share/{LOG.name} vcan0=can0")
    shown = container.run(the_command("podman logs"), timeout=PODMAN_S)
    container.stop("player")
    print(shown)
    assert "INI eflexcan2mqtt.ini" in shown.stderr
    assert "Sending CONNECT" in shown.stderr
    assert shown.stdout.splitlines()[-1].startswith("[{")


def test_it_is_not_root_and_its_root_file_system_is_read_only(container):
    number = pid(container)
    assert of_process(container, number, "Uid") == ["10250"] * 4
    assert of_process(container, number, "CapEff") == ["0000000000000000"]
    mounts = container.run(f"cat /proc/{number}/mountinfo").stdout
    (root,) = (line for line in mounts.splitlines() if line.split()[4] == "/")
    assert root.split()[5].split(",")[0] == "ro"


def test_it_is_healthy_until_its_loop_stands_still(container):
    check = f"podman healthcheck run {NAME}"
    assert check in the_command("podman logs")
    container.run(check, timeout=PODMAN_S)
    number = pid(container)
    container.run(f"kill -STOP {number}; sleep 31", timeout=90)
    try:
        frozen = container.run(check, timeout=PODMAN_S, check=False)
    finally:
        container.run(f"kill -CONT {number}")
    print(frozen)
    assert frozen.status == 1
    container.wait(check, timeout=PODMAN_S)


def test_arrays_of_an_outage_survive_the_container(bank, container):
    """A new one in its place, as at an upgrade, sends what the old one has kept.

    The new one also has the page's options for a password, and the broker wants the right one from
    all who name a user.
    """
    container.run("systemctl stop mosquitto", timeout=60)
    before = len(bank.arrays())
    bank.play(LOG)
    time.sleep(4)  # the last cycle ends with 3 s of silence
    container.run(the_command("podman stop"), timeout=PODMAN_S)
    print(container.run(f"ls -ln {DATA}/spool").stdout)
    username = re.search(r"MQTT_USERNAME=(\S+)", SECRET_OPTIONS)[1]
    ask_for_password(container, username, "the password", anonymous=True)
    options = SECRET_OPTIONS.strip().removesuffix("\\")
    container.run(f"rm {DATA}/eflexcan2mqtt.ini; {SECRET}{run_with(options)}", timeout=PODMAN_S)
    bank.wait_arrays(before + len(EXPECTED), timeout=120)
    assert without_time(bank.arrays(before)) == without_time(EXPECTED)
    shown = container.run(f"podman inspect {NAME}", timeout=PODMAN_S).stdout
    assert "PASSWORD_FILE" in shown
    assert "the password" not in shown


def test_sigterm_ends_it_with_a_farewell(container):
    """Before podman would kill it after 10 s, and with its own status."""
    offline = "eflexbatteries/status offline"
    before = container.output("collector").count(offline)
    stop = the_command("podman stop").splitlines()[0]
    print(container.run(f"time {stop}", timeout=PODMAN_S))
    assert exit_code(container, NAME) == 0
    assert container.output("collector").count(offline) == before + 1


def test_an_unknown_variable_is_a_complaint(container):
    """As a mistake in the INI: status 78."""
    ended = container.run(
        f"podman run --rm --network none --env EFLEXCAN2MQTT_MQTT_HOSTNAM=broker {IMAGE}",
        timeout=PODMAN_S,
        check=False,
    )
    print(ended)
    assert ended.status == 78
    assert "EFLEXCAN2MQTT_MQTT_HOSTNAM" in ended.stderr
