"""The Home Assistant app under podman: its image, its start script, the Supervisor's broker.

The Supervisor itself is a stand-in; tests/test_homeassistant_app.py has the rest.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.containers import APP

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

SUPERVISOR = Path(__file__).parent / "supervisor.py"
IMAGE = "localhost/eflexcan2mqtt-app"
DATA = "/srv/app"
RUN = (
    "podman run --network host --tmpfs /tmp --add-host supervisor:127.0.0.1 "
    f"--env SUPERVISOR_TOKEN=the-token --volume {DATA}:/data"
)
NAMED = f"--name app --replace {HEALTH_BY_HAND}"
OPTIONS = {
    "can": {"channel": "vcan0"},
    "mqtt": {"fields": "extended"},
    "homeassistant": {"discovery": True},
}
SERVICE = {
    "addon": "core_mosquitto",
    "host": "127.0.0.1",
    "port": 1883,
    "ssl": False,
    "protocol": "3.1.1",
    "username": "addons",
    "password": "geheim 42",
}


@pytest.fixture(scope="module")
def app(bank):
    """The machine with the app's image, the stand-in, and a broker that wants a password."""
    machine = bank.machine
    assert load(machine, APP) == IMAGE
    machine.run(f"mkdir {DATA}")
    ask_for_password(machine, SERVICE["username"], SERVICE["password"])
    machine.job("supervisor", f"exec python3 {machine.put(SUPERVISOR)} /run/answer.json")
    yield machine
    machine.stop("supervisor")
    ask_nobody(machine)
    machine.run(f"podman rmi --force {IMAGE}; rm -r {DATA}", timeout=PODMAN_S, check=False)


def configure(machine, options, service=None):
    """What the owner has set, and what the Supervisor knows."""
    machine.run("rm -f /run/answer.json")
    for name, content, target in (
        ("options.json", options, f"{DATA}/options.json"),
        ("answer.json", service and {"result": "ok", "data": service}, "/run/answer.json"),
    ):
        if content:
            (machine.share / name).write_text(json.dumps(content))
            machine.run(f"install -m 600 /share/{name} {target}")


@pytest.fixture(scope="module")
def running(app):
    """The machine, where the app reads vcan0 and has found its broker by the Supervisor."""
    configure(app, OPTIONS, SERVICE)
    app.run(f"{RUN} --detach {NAMED} {IMAGE}", timeout=PODMAN_S)
    wait_for_listener(app, "vcan0")
    yield app
    app.run("podman rm --force --time 5 app", timeout=PODMAN_S, check=False)


def ended(machine, *configured):
    """How the app ends that cannot start."""
    configure(machine, *configured)
    result = machine.run(f"{RUN} --rm {IMAGE}", timeout=PODMAN_S, check=False)
    print(result)
    return result


def test_it_publishes_to_the_broker_that_the_supervisor_knows(running):
    """As the mosquitto of the machine shows, whose only user has the Supervisor's password."""
    running.job(
        "reader",
        "exec mosquitto_sub -u addons -P 'geheim 42' -q 2 -v -t eflexbatteries "
        "-t 'homeassistant/device/+/config'",
    )
    running.wait("podman logs app 2>&1 | grep -q ': connected'", timeout=PODMAN_S)
    path = running.put(LOG)
    running.run(f"canplayer -I {path} vcan0=can0", timeout=120)
    arrays = "$(grep -c '^eflexbatteries ' /run/reader.output)"
    running.wait(f"[ {arrays} -ge {len(EXPECTED)} ]", timeout=60)
    lines = running.output("reader").splitlines()
    running.stop("reader")
    found = [json.loads(line.split(" ", 1)[1]) for line in lines if line.startswith("eflexb")]
    assert without_time(found) == without_time(EXPECTED)
    assert any(line.startswith("homeassistant/") for line in lines)


def test_the_program_has_no_rights_and_no_secrets_in_its_environment(running):
    number = pid(running)
    assert of_process(running, number, "Uid") == ["10250"] * 4
    assert of_process(running, number, "Groups") == []
    assert of_process(running, number, "CapEff") == ["0000000000000000"]
    assert of_process(running, number, "NoNewPrivs") == ["1"]
    variables = running.run(f"tr '\\0' '\\n' </proc/{number}/environ").stdout
    assert "EFLEXCAN2MQTT_MQTT_PASSWORD_FILE=/tmp/eflexcan2mqtt/mqtt-password\n" in variables
    assert "geheim" not in variables
    assert "the-token" not in variables


def test_it_is_healthy_and_ends_when_it_is_told_to(running):
    running.run("podman healthcheck run app", timeout=PODMAN_S)
    running.run("podman stop app", timeout=PODMAN_S)
    assert exit_code(running, "app") == 0


def test_without_a_broker_it_says_what_to_do(app):
    result = ended(app, OPTIONS)
    assert result.status == 78
    assert "the Supervisor knows no MQTT broker" in result.stderr
    assert "Service not enabled" in result.stderr
    assert "install the app Mosquitto broker, or set mqtt: hostname" in result.stderr


OWN = {
    "mqtt": {"hostname": "127.0.0.1", "username": "addons", "password": "geheim 42"},
    "can": {"channel": "can0"},
    "bring_up": "listen_only",
}


def test_bring_up_without_the_privilege_says_how_to_give_it(app):
    refused = ended(app, OWN)
    assert refused.status == 78
    assert "bring_up needs the privilege NET_ADMIN" in refused.stderr


def test_with_the_privilege_can0_is_up_and_the_owners_broker_is_taken(app):
    """As docs/install.md brings it up.  The Supervisor's broker would lead nowhere."""
    configure(app, OWN, {**SERVICE, "host": "192.0.2.1"})
    try:
        app.run(f"{RUN} --detach {NAMED} --cap-add NET_ADMIN {IMAGE}", timeout=PODMAN_S)
        wait_for_listener(app, "can0")
        shown = app.run("ip -details link show can0").stdout
        print(shown)
        assert "LISTEN-ONLY" in shown
        assert "bitrate 250000" in shown
        assert of_process(app, pid(app), "CapEff") == ["0000000000000000"]
        app.wait("podman logs app 2>&1 | grep -q '127.0.0.1:1883: connected'", timeout=PODMAN_S)
    finally:
        app.run("podman rm --force --time 5 app", timeout=PODMAN_S, check=False)
        app.run("ip link set can0 down; ip link set can0 type can bitrate 250000 listen-only off")
