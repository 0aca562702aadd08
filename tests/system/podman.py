"""Containers in the machine: their image, their process as the host sees it, the bus that they read
and a broker that asks for a password."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from tests.support.bank import CAPTURES
from tests.support.containers import archive
from tests.support.machine import Machine

from .service import BROKER

RELEASE = Path(os.environ["EFLEX_RELEASE"])
REAL = os.environ.get("EFLEX_CAPTURES")
LOG = Path(REAL) / "three_batteries_fw4006.log" if REAL else CAPTURES / "documented_example.log"
EXPECTED = list(map(json.loads, LOG.with_suffix(".extended.json").read_text().splitlines()))
"""The arrays of the log."""

PASSWORDS = "/etc/mosquitto/passwords"
PODMAN_S = 300.0

HEALTH_BY_HAND = "--health-interval disable --health-timeout 90s"
"""The tests ask themselves, and an answer may take a while here."""
"""What a command of podman may take: the emulated machine needs many seconds for each."""


def load(machine: Machine, kind: str) -> str:
    """Load the image of a kind; its name."""
    path = machine.put(archive(kind, RELEASE), f"{kind}.tar")
    said = machine.run(f"podman load --quiet --input {path}", timeout=900).stdout
    (machine.share / f"{kind}.tar").unlink()
    return said.removeprefix("Loaded image: ").removesuffix(":latest\n")


def wait_for_listener(machine: Machine, interface: str) -> None:
    """Until a program reads the interface."""
    machine.wait(f"grep -q '^ *{interface} ' /proc/net/can/rcvlist_*", timeout=120)


def pid(machine: Machine) -> int:
    """The program's process, as the host sees it."""
    return int(machine.run("pgrep --oldest -x eflexcan2mqtt").stdout)


def of_process(machine: Machine, number: int, field: str) -> list[str]:
    """A line of what the kernel says of a process."""
    text = machine.run(f"cat /proc/{number}/status").stdout
    return re.search(rf"^{field}:[ \t]*(.*)$", text, re.MULTILINE)[1].split()


def exit_code(machine: Machine, container: str) -> int:
    """How a container ended."""
    shown = machine.run(
        f"podman inspect --format '{{{{.State.ExitCode}}}}' {container}", timeout=PODMAN_S
    )
    return int(shown.stdout)


def ask_for_password(
    machine: Machine, user: str, password: str, *, anonymous: bool = False
) -> None:
    """The broker wants the password of this user; ``anonymous``: or no user at all."""
    machine.run(
        f"mosquitto_passwd -b -c {PASSWORDS} {user} '{password}'; chown mosquitto {PASSWORDS}"
    )
    allowed = f"allow_anonymous {str(anonymous).lower()}\npassword_file {PASSWORDS}"
    _restart(machine, BROKER.replace("allow_anonymous true", allowed))


def ask_nobody(machine: Machine) -> None:
    """The broker of the other tests again."""
    _restart(machine, BROKER)


def _restart(machine: Machine, settings: str) -> None:
    (machine.share / "settings").write_text(settings)
    machine.run(
        "cp /share/settings /etc/mosquitto/conf.d/test.conf && systemctl restart mosquitto",
        timeout=90,
    )
