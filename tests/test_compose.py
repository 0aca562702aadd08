"""What examples/compose.yaml says of the bridge and of the broker is so.

Its form was checked with `docker compose config`, 2.26; images of others cannot be run here.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import paho.mqtt.client as paho
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from eflexcan2mqtt.settings.schema import SECTIONS, settings

from .support.broker import MOSQUITTO, Broker, wait_until

HOME = Path(__file__).parents[1]
TEXT = (HOME / "examples" / "compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
CONTAINERFILE = (HOME / "packaging" / "Containerfile").read_text()
PASSWORD = "geheim 42"


def test_its_services_are_the_way_from_the_bus_to_the_chart():
    assert list(SERVICES) == ["bridge", "mosquitto", "telegraf", "influxdb", "grafana"]


def test_the_variables_of_the_bridge_are_settings():
    names = {
        f"EFLEXCAN2MQTT_{section}_{key}".upper()
        for section in SECTIONS
        for key in settings(section)
    }
    used = set(re.findall(r"EFLEXCAN2MQTT_\w+", TEXT))
    assert used >= SERVICES["bridge"]["environment"].keys()
    assert used <= names


def test_the_bridge_can_write_only_to_its_volume():
    bridge = SERVICES["bridge"]
    assert bridge["read_only"] is True
    assert bridge["cap_drop"] == ["ALL"]
    assert bridge["network_mode"] == "host"
    assert bridge["volumes"] == ["bridge:/data"]
    assert "VOLUME /data" in CONTAINERFILE
    assert (HOME / bridge["build"]["dockerfile"]).exists()


def test_the_lines_for_a_serial_adapter_are_good():
    """Without their signs."""
    changed = re.sub(r"# (?=devices:|group_add:|EFLEX)", "", TEXT)
    bridge = yaml.safe_load(changed.replace("EFLEXCAN2MQTT_CAN_CHANNEL: can0", ""))["services"][
        "bridge"
    ]
    device = bridge["environment"]["EFLEXCAN2MQTT_CAN_CHANNEL"]
    assert bridge["environment"]["EFLEXCAN2MQTT_CAN_INTERFACE"] == "slcan"
    assert bridge["devices"] == [f"{device}:{device}"]
    assert bridge["group_add"] == ["20"]


def test_telegraf_gets_the_variables_that_its_file_asks_for():
    telegraf = (HOME / "examples" / "telegraf.conf").read_text()
    assert set(re.findall(r"\$\{(\w+):-", telegraf)) == SERVICES["telegraf"]["environment"].keys()


def test_every_file_volume_and_configuration_is_there():
    volumes, configs = set(), set()
    for service in SERVICES.values():
        for each in service.get("volumes", []):
            source = each.split(":")[0]
            if source.startswith("./"):
                assert (HOME / "examples" / source).exists()
            else:
                volumes.add(source)
        configs |= {each["source"] for each in service.get("configs", [])}
    assert volumes == COMPOSE["volumes"].keys()
    assert configs == COMPOSE["configs"].keys()


@pytest.fixture
def broker(tmp_path):
    """A mosquitto as the compose file starts it, but for its paths and its port."""
    *_, script = SERVICES["mosquitto"]["command"]
    prepare, owner, start = script.replace("$$", "$").split(" && ")
    assert owner.startswith("chown mosquitto ")
    assert start == "exec mosquitto -c /mosquitto.conf"
    subprocess.run(
        ["sh", "-c", prepare.replace("/mosquitto/data", shlex.quote(str(tmp_path)))],
        env={"MQTT_PASSWORD": PASSWORD, "PATH": f"/usr/bin:/bin:{Path(MOSQUITTO).parent}"},
        check=True,
    )
    content = COMPOSE["configs"]["mosquitto"]["content"]
    lines = content.replace("/mosquitto/data", str(tmp_path)).splitlines()
    broker = Broker(tmp_path, *(each for each in lines if not each.startswith("listener")))
    yield broker.start()
    broker.kill()


def answer(broker, *credentials):
    """What the broker answers to a connection."""
    answers = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *arguments: answers.append(str(arguments[3]))
    if credentials:
        client.username_pw_set(*credentials)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    wait_until(lambda: answers, "an answer")
    client.disconnect()
    client.loop_stop()
    return answers[0]


def test_the_broker_takes_the_password_and_nobody_without(broker):
    user = SERVICES["bridge"]["environment"]["EFLEXCAN2MQTT_MQTT_USERNAME"]
    assert answer(broker, user, PASSWORD) == "Success"
    assert answer(broker) == "Not authorized"
