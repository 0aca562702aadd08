"""`forget` succeeds only when the broker keeps nothing of the battery any more."""

from __future__ import annotations

import json
import threading

import paho.mqtt.client as paho
import paho.mqtt.publish as single
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.bank import EXAMPLE
from tests.support.broker import free_port, wait_until
from tests.support.faults import seen
from tests.support.program import mqtt_ini, stop

SERIAL = EXAMPLE[0]["battery_id"]
CONFIG = f"homeassistant/device/eflex_{SERIAL}/config"
STATE = f"eflexbatteries/{SERIAL}"

versions = pytest.mark.parametrize("version", ["auto", "3.1.1"])


@pytest.fixture
def keeping(make_broker, tmp_path):
    """A broker that keeps a battery's description, and now has this access list."""

    def make(*lines):
        acl = tmp_path / "acl"
        acl.write_text("topic readwrite #\n")
        broker = make_broker("allow_anonymous true", f"acl_file {acl}").start()
        single.single(CONFIG, b"{}", 1, retain=True, hostname="127.0.0.1", port=broker.port)
        acl.write_text("".join(f"topic {line}\n" for line in lines))
        broker.reload()
        return broker

    return make


@pytest.fixture
def forget(run, tmp_path):
    """Forgets the battery at a port; what was printed, and the exit status."""

    def forget(port, serial=SERIAL, **settings):
        done = run("forget", serial, "-c", mqtt_ini(tmp_path, port, **settings))
        assert "" in (done.stdout, done.stderr)
        return done.stdout + done.stderr, done.returncode

    return forget


@versions
def test_what_was_kept_is_gone(forget, keeping, subscribe, version):
    broker = keeping("readwrite #")
    said, status = forget(broker.port, version=version)
    assert said == f"127.0.0.1:{broker.port}: forgot {SERIAL}: cleared {CONFIG} and {STATE}\n"
    assert status == 0
    assert subscribe(broker.port, "#").kept() == []


def test_a_battery_of_which_nothing_is_kept_is_forgotten(forget, broker):
    assert forget(broker.port)[1] == 0


def test_a_broker_that_retains_nothing_has_nothing_to_forget(forget, make_broker):
    broker = make_broker("allow_anonymous true", "retain_available false").start()
    said, status = forget(broker.port)
    assert said.endswith(": keeps no retained messages: there is nothing to forget\n")
    assert status == 0


def test_a_broker_that_discards_the_message_still_keeps_the_description(forget, keeping):
    """As MQTT 3.1.1 does not say."""
    broker = keeping("read #", "write eflexbatteries/#")
    said, status = forget(broker.port, version="3.1.1")
    assert status == 1
    seen("forget: the broker does not allow us to write", said)


def test_a_broker_that_refuses_the_message_is_told(forget, keeping):
    broker = keeping("read #", "write eflexbatteries/#")
    said, status = forget(broker.port)
    assert status == 1
    assert f"refuses messages on '{CONFIG}': Not authorized; allow clients without a" in said


@versions
def test_what_cannot_be_read_back_is_no_success(forget, keeping, version):
    broker = keeping("write #")
    said, status = forget(broker.port, version=version)
    assert status == 1
    seen("forget: the broker does not allow us to read", said)


def test_a_description_that_comes_again_is_told(forget, keeping):
    """From whoever sends it as soon as it is gone."""
    broker = keeping("readwrite #")
    stubborn = paho.Client(CallbackAPIVersion.VERSION2)
    subscribed = threading.Event()
    stubborn.on_connect = lambda client, *_: client.subscribe(CONFIG)
    stubborn.on_subscribe = lambda *_: subscribed.set()
    stubborn.on_message = lambda client, _, message: (
        None if message.payload else client.publish(CONFIG, b"{}", 1, retain=True)
    )
    stubborn.connect("127.0.0.1", broker.port)
    stubborn.loop_start()
    try:
        assert subscribed.wait(60)
        said, status = forget(broker.port)
    finally:
        stubborn.disconnect()
        stubborn.loop_stop()
    assert status == 1
    assert f"still keeps {CONFIG}: a bridge that hears the battery has sent it again" in said


def test_a_bridge_that_still_hears_the_battery_is_told(forget, broker, start, subscribe, tmp_path):
    subscriber = subscribe(broker.port, "eflexbatteries/+")
    bridge_ini = tmp_path / "bridge.ini"
    ini = mqtt_ini(tmp_path, broker.port).read_text()
    bridge_ini.write_text(f"{ini}[homeassistant]\ndiscovery = yes\n")
    start("-c", bridge_ini, "--input", "simulator:1")
    others = {f"eflexbatteries/{name}" for name in ("status", "bank", "energy")}
    wait_until(lambda: {topic for topic, _, _ in subscriber.messages} - others)
    [topic] = {topic for topic, _, _ in subscriber.messages} - others
    said, status = forget(broker.port, topic.rpartition("/")[2])
    assert status == 0
    seen("forget: a bridge still hears the battery", said)


ENERGY = "eflexbatteries/energy"


@pytest.fixture
def counters(tmp_path):
    """A file of counters in the storage folder of an INI; the file."""
    file = tmp_path / "kept" / "energy.json"
    file.parent.mkdir()
    file.write_text("{}")
    return file


@pytest.fixture
def forget_energy(run, tmp_path):
    def forget(port, directory, **settings):
        ini = mqtt_ini(tmp_path, port, **settings)
        ini.write_text(f"{ini.read_text()}[storage]\ndirectory = {directory}\n")
        done = run("forget", "energy", "-c", ini)
        return done.stdout + done.stderr, done.returncode

    return forget


def test_the_counters_of_energy_are_cleared_at_the_broker_and_on_the_disk(
    forget_energy, broker, subscribe, counters
):
    single.single(ENERGY, b"{}", 1, retain=True, hostname="127.0.0.1", port=broker.port)
    said, status = forget_energy(broker.port, counters.parent)
    assert said == (
        f"127.0.0.1:{broker.port}: forgot energy: cleared {ENERGY}\n{counters}: removed\n"
    )
    assert status == 0
    assert subscribe(broker.port, "#").kept() == []
    said, status = forget_energy(broker.port, counters.parent)
    assert said.endswith(f"{counters}: there is no such file\n")
    assert status == 0


class TestSeveralBrokers:
    def test_all_are_cleared(self, forget, make_broker, keeping, subscribe):
        ports = [each.port for each in (keeping("readwrite #"), make_broker().start())]
        said, status = forget(1883, hostname=", ".join(f"127.0.0.1:{port}" for port in ports))
        assert said == "".join(
            f"127.0.0.1:{port}: forgot {SERIAL}: cleared {CONFIG} and {STATE}\n" for port in ports
        )
        assert status == 0
        assert [subscribe(port, "#").kept() for port in ports] == [[], []]

    def test_one_that_is_away_may_keep_something(self, run, broker, tmp_path):
        nobody = free_port()
        brokers = f"127.0.0.1:{nobody}, 127.0.0.1:{broker.port}"
        done = run("forget", SERIAL, "-c", mqtt_ini(tmp_path, 1883, hostname=brokers))
        assert done.stderr == f"127.0.0.1:{nobody}: Connection refused\n"
        assert done.stdout.startswith(f"127.0.0.1:{broker.port}: forgot {SERIAL}: cleared ")
        assert done.returncode == 1

    def test_the_file_is_left_while_the_bridge_runs_with_any_of_them(
        self, forget_energy, make_broker, start, subscribe, counters, tmp_path
    ):
        first, used = make_broker().start(), make_broker().start()
        subscriber = subscribe(used.port)
        start("-c", mqtt_ini(tmp_path, used.port), "--input", "simulator:1")
        wait_until(lambda: subscriber.statuses() == [b"online"])
        said, status = forget_energy(
            1883, counters.parent, hostname=f"127.0.0.1:{first.port}, 127.0.0.1:{used.port}"
        )
        assert f"127.0.0.1:{used.port}: the counters of energy are not cleared: " in said
        assert status == 1
        assert counters.exists()


def test_while_the_bridge_runs_the_counters_are_left_alone(
    forget_energy, broker, start, subscribe, counters, tmp_path
):
    subscriber = subscribe(broker.port)
    start("-c", mqtt_ini(tmp_path, broker.port), "--input", "simulator:1")
    wait_until(lambda: subscriber.payloads(ENERGY))
    said, status = forget_energy(broker.port, counters.parent)
    assert status == 1
    seen("forget energy: the bridge is running", said)
    assert counters.exists()
    assert b"" not in subscriber.payloads(ENERGY)


def test_after_it_a_bridge_begins_at_0(forget_energy, broker, start, subscribe, tmp_path):
    # Not the arrays, which are more than mosquitto keeps for a reader that is behind.
    subscriber, folder = subscribe(broker.port, f"{ENERGY}/#"), tmp_path / "kept"
    ini = tmp_path / "bridge.ini"

    def run_bridge():
        subscriber.catch_up()
        messages = subscriber.payloads(ENERGY)
        text = mqtt_ini(tmp_path, broker.port).read_text()
        ini.write_text(f"{text}[storage]\ndirectory = {folder}\n")
        process = start("-c", ini, "--input", "simulator:1", "--speed", "600")
        wait_until(lambda: len(subscriber.payloads(ENERGY)) > len(messages) + 1)
        stop(process)
        subscriber.catch_up()
        return [json.loads(each) for each in subscriber.payloads(ENERGY)[len(messages) :]]

    assert run_bridge()[-1]["bank"]["energy_in"] > 0
    assert forget_energy(broker.port, folder)[1] == 0
    assert run_bridge()[0]["bank"]["energy_in"] == 0


def test_a_file_that_cannot_be_removed_is_told(forget_energy, broker, tmp_path):
    (tmp_path / "energy.json").mkdir()
    said, status = forget_energy(broker.port, tmp_path)
    assert f"{tmp_path}/energy.json: cannot be removed: " in said
    assert status == 1


def test_a_folder_that_is_not_known_is_told(forget_energy, broker):
    said, status = forget_energy(broker.port, "")
    assert said.endswith("no folder of a file is known here; for that of the service, use sudo\n")
    assert status == 0


def test_a_broker_that_keeps_the_counters_leaves_the_file(
    forget_energy, make_broker, counters, tmp_path
):
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n")
    broker = make_broker("allow_anonymous true", f"acl_file {acl}").start()
    said, status = forget_energy(broker.port, counters.parent)
    assert f"refuses messages on '{ENERGY}'" in said
    assert status == 1
    assert counters.exists()
