"""The program counts energy through stops, kills and power cuts: up, or anew from 0."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from itertools import pairwise

import paho.mqtt.publish as single
import pytest

from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.blocks import burst
from eflexcan2mqtt.protocol.decode import decode
from eflexcan2mqtt.sources.simulated_bank import Bank
from tests.support.bank import START, candump_line
from tests.support.broker import REMEMBERING, free_port, wait_until
from tests.support.faults import seen
from tests.support.program import mqtt_ini, stop

TOPIC = "eflexbatteries/energy"
FAST = ("--input", "simulator:2", "--speed", "600")
DAY_S, STEP_S, BATTERIES = 86_400, 4.9, 2


class Readers:
    """The messages that came live, through all runs and brokers."""

    def __init__(self, subscribe):
        self._subscribe = subscribe
        self._before = []
        self.foreign = None
        """A message that is not ours."""

    def listen(self, port):
        self._subscriber = self._subscribe(port)

    def leave(self):
        self._before = self.messages()
        self._subscriber.close()
        self._subscriber.messages.clear()

    def messages(self):
        live = [
            json.loads(payload)
            for topic, payload, retained in self._subscriber.messages
            if topic == TOPIC and payload and not retained
        ]
        return [each for each in self._before + live if each != self.foreign]

    def wait_for_energy(self):
        """Until the bank has been heard for minutes, so that there is energy to count."""
        so_far = len(self._subscriber.payloads())
        wait_until(lambda: len(self._subscriber.payloads()) > so_far + 200, "arrays")

    def wait(self, count):
        wait_until(lambda: len(self.messages()) >= count, f"{count} messages")
        return self.messages()


def values(message):
    """Its counters by name."""
    every = {"bank": message["bank"], **message["batteries"]}
    return {(name, key): value for name, found in every.items() for key, value in found.items()}


def rises(before, after):
    """Whether no counter is smaller."""
    after = values(after)
    return all(after[each] >= value for each, value in values(before).items())


def is_zero(message):
    return not any(values(message).values())


@pytest.fixture
def readers(subscribe):
    """Those of the topic; at the end, what they have seen never fell but to 0."""
    made = Readers(subscribe)
    yield made
    for before, after in pairwise(made.messages()):
        assert after["time"] > before["time"]
        assert is_zero(after) or rises(before, after)


@pytest.fixture
def bridge(start, tmp_path):
    """The program with a storage folder; what it logs goes to a file."""

    def make(port, *arguments, directory=tmp_path / "kept", page=0, **options):
        settings = options.pop("settings", {})
        ini = mqtt_ini(tmp_path, port, **settings)
        lines = ["[storage]", f"directory = {directory}"]
        if page:
            lines += ["[web]", f"listen = 127.0.0.1:{page}"]
        ini.write_text("\n".join([ini.read_text(), *lines, ""]))
        with (tmp_path / "log").open("a") as log:
            return start("-c", ini, *(arguments or FAST), stderr=log, **options)

    return make


@pytest.fixture
def file(tmp_path):
    return tmp_path / "kept" / "energy.json"


@pytest.fixture
def log(tmp_path):
    return (tmp_path / "log").read_text


def metric(page):
    """What /metrics shows of the bank's energy in, in whole joules."""
    with urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics") as answer:
        text = answer.read().decode()
    found = re.search(r"(?m)^eflex_bank_energy_in_joules_total (.+)$", text)
    return found and round(float(found[1]))


def test_a_kill_loses_seconds_and_a_stop_nothing(bridge, broker, readers, file, log):
    readers.listen(broker.port)
    page = free_port()
    process = bridge(broker.port, settings={"publish_interval": 3600}, page=page)
    first, second = readers.wait(2)
    wait_until(lambda: metric(page) == round(second["bank"]["energy_in"] * 3_600_000))
    assert is_zero(first)
    assert second["bank"]["energy_in"] > 0
    assert list(second) == ["time", "bank", "batteries", "gaps"]
    assert len(second["batteries"]) == 2
    assert "clean" not in json.loads(file.read_bytes())
    process.kill()
    process.wait()
    process = bridge(broker.port)
    third = readers.wait(3)[2]
    assert values(third) == values(second)
    readers.wait_for_energy()
    stop(process)
    fourth = readers.wait(4)[3]
    assert fourth["bank"]["energy_in"] > third["bank"]["energy_in"]
    assert json.loads(file.read_bytes()) == {**fourth, "clean": True}
    assert "begin at 0" not in log()


def runs(bridge, readers, port, count):
    """So many runs that are stopped; the last message."""
    for _ in range(count):
        so_far = len(readers.messages())
        process = bridge(port)
        readers.wait(so_far + 1)
        readers.wait_for_energy()
        stop(process)
        readers.wait(so_far + 2)
    return readers.messages()[-1]


def test_an_old_file_that_is_restored_is_not_believed(bridge, broker, readers, file, log):
    readers.listen(broker.port)
    runs(bridge, readers, broker.port, 1)
    old = file.read_bytes()
    last = runs(bridge, readers, broker.port, 1)
    assert not rises(last, json.loads(old))
    file.write_bytes(old)
    bridge(broker.port)
    assert values(readers.wait(5)[4]) == values(last)
    assert "begin at 0" not in log()


def test_a_message_far_above_the_file_is_not_believed(bridge, broker, readers, file, log):
    readers.listen(broker.port)
    last = runs(bridge, readers, broker.port, 1)
    readers.foreign = {
        **last,
        "bank": {**last["bank"], "energy_in": 1000},
        "time": last["time"] + 1,
    }
    payload = json.dumps(readers.foreign)
    single.single(TOPIC, payload, 1, retain=True, hostname="127.0.0.1", port=broker.port)
    kept = json.loads(file.read_bytes())
    bridge(broker.port)
    assert values(readers.wait(3)[2]) == values(kept)
    seen("the broker has far greater counters of energy than the file", log())


def test_a_broker_that_forgets_learns_it_from_the_file(bridge, broker, readers, log):
    readers.listen(broker.port)
    last = runs(bridge, readers, broker.port, 1)
    readers.leave()
    broker.restart()
    readers.listen(broker.port)
    bridge(broker.port)
    assert values(readers.wait(3)[2]) == values(last)
    assert "begin at 0" not in log()


def test_after_a_kill_and_a_broker_that_forgets_it_begins_at_0(bridge, broker, readers, log):
    readers.listen(broker.port)
    runs(bridge, readers, broker.port, 1)
    process = bridge(broker.port)
    readers.wait(3)
    process.kill()
    process.wait()
    readers.leave()
    broker.restart()
    readers.listen(broker.port)
    bridge(broker.port)
    assert is_zero(readers.wait(4)[3])
    seen("a power cut of machine and broker, which forgets the counters of energy", log())


def test_after_a_power_cut_of_both_an_old_message_is_not_believed(
    bridge, make_broker, readers, tmp_path, log
):
    broker = make_broker(*REMEMBERING, f"persistence_location {tmp_path}/").start()
    readers.listen(broker.port)
    runs(bridge, readers, broker.port, 1)
    readers.leave()
    broker.stop()
    disk, old = tmp_path / "mosquitto.db", tmp_path / "old.db"
    shutil.copy(disk, old)
    broker.start()
    readers.listen(broker.port)
    runs(bridge, readers, broker.port, 1)
    process = bridge(broker.port)
    readers.wait(5)
    process.kill()
    process.wait()
    readers.leave()
    broker.kill()
    shutil.copy(old, disk)
    broker.start()
    readers.listen(broker.port)
    bridge(broker.port)
    assert is_zero(readers.wait(6)[5])
    seen("a power cut of machine and broker, which has an older message", log())


def test_a_broker_that_does_not_let_us_read_is_no_hindrance(
    bridge, make_broker, readers, tmp_path, log
):
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite #\nuser bridge\ntopic write #\n")
    broker = make_broker("allow_anonymous true", f"acl_file {acl}").start()
    readers.listen(broker.port)
    last = None
    for count in (2, 4):
        process = bridge(broker.port, settings={"username": "bridge"})
        first = readers.wait(count - 1)[-1]
        assert last is None or values(first) == values(last)
        stop(process)
        last = readers.wait(count)[-1]
    assert "begin at 0" not in log()


def test_without_a_disk_the_broker_keeps_them(bridge, broker, readers, log):
    """And the failure is logged once in a run."""
    readers.listen(broker.port)
    nowhere = "/proc/version/kept"
    process = bridge(broker.port, directory=nowhere)
    second = readers.wait(2)[1]
    process.kill()
    process.wait()
    process = bridge(broker.port, directory=nowhere)
    assert values(readers.wait(3)[2]) == values(second)
    stop(process)
    seen("the counters of energy cannot be written", log())
    assert log().count("are not kept until it works") == 2


def test_a_recording_is_not_counted_again(run, bridge, broker, readers, subscribe, tmp_path):
    """Even if the counters are known, which an input that is no recording would raise."""
    readers.listen(broker.port)
    runs(bridge, readers, broker.port, 1)
    subscriber = subscribe(broker.port)
    recording = tmp_path / "short.log"
    recording.write_text("".join(day(minutes=1)[0]))
    done = run("-c", mqtt_ini(tmp_path, broker.port), "--input", recording, "--speed", "0")
    assert done.returncode == 0
    wait_until(lambda: len(subscriber.payloads()) == int(60 / STEP_S))
    subscriber.catch_up()
    assert len(subscriber.payloads(TOPIC)) == 1  # the retained one


def day(minutes=DAY_S / 60):
    """The lines of a simulated time, and the energy above the dead-band in it, in kWh."""
    bank = Bank(BATTERIES, seed=5)
    lines, powers = [], []
    for step in range(int(minutes * 60 / STEP_S)):
        at, net = START + step * STEP_S, 0.0
        for number, (status, cells) in enumerate(bank.step(STEP_S), 1):
            frames = [
                candump_line((can_id, data, at + number * 0.02 + place * 0.0004))
                for place, (can_id, data) in enumerate(burst(number, status, cells))
            ]
            lines.append("".join(frames))
            reading = decode(Record(number, status, cells, at))
            amps = reading["battery_current"]
            net += reading["battery_voltage"] * amps * (abs(amps) > 0.6)
        powers.append(net)
    into = sum(power for power in powers if power > 0) * STEP_S / 3.6e6
    out = -sum(power for power in powers if power < 0) * STEP_S / 3.6e6
    return lines, into, out


def test_a_day_in_minutes_has_the_energy_of_its_readings(bridge, broker, readers):
    lines, into, out = day()
    assert min(into, out) > 4
    readers.listen(broker.port)
    few_arrays = {"publish_interval": 3600}
    process = bridge(broker.port, "--input", "-", stdin=subprocess.PIPE, settings=few_arrays)
    process.communicate("".join(lines), timeout=200)
    assert process.returncode == 0
    bank = readers.messages()[-1]["bank"]
    assert bank["energy_in"] == pytest.approx(into, rel=0.005)
    assert bank["energy_out"] == pytest.approx(out, rel=0.005)
    assert readers.messages()[-1]["gaps"] == 0
