"""A site's broker with the bridge of the examples, a central one, and banks between them."""

from __future__ import annotations

import re
import resource
import subprocess
from collections import Counter, defaultdict
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from tests.support.broker import wait_until
from tests.support.program import mqtt_ini, stop
from tests.support.proxy import TO_BROKER, TO_CLIENT

BRIDGE = (Path(__file__).parents[1] / "examples" / "mosquitto-bridge.conf").read_text()
BANKS = ("eflex/home/house", "eflex/home/barn")
LINK = "eflex-links/home"
QUEUE = 10_000
"""The example's ``max_queued_messages``."""
IN_FLIGHT = 20
"""mosquitto's ``max_inflight_messages``, of each connection."""


class Reader:
    """A subscriber of the central broker that misses nothing while that is away."""

    def __init__(self, port, file):
        self._file = file
        with file.open("w") as output:
            self._process = subprocess.Popen(
                [
                    *("mosquitto_sub", "-p", str(port), "-i", "reader", "-c", "-q", "2", "-v"),
                    *("-t", "eflex/#", "-t", "eflex-links/#"),
                ],
                stdout=output,
            )

    def payloads(self):
        """What arrived, by topic."""
        found = defaultdict(list)
        whole, _, _ = self._file.read_text().rpartition("\n")  # the last may be on its way
        for line in whole.splitlines():
            topic, payload = line.split(" ", 1)
            found[topic].append(payload)
        return found

    def wait_for(self, topic, payload):
        """Until that is the last one."""
        wait_until(lambda: self.payloads()[topic][-1:] == [payload], f"{topic} {payload}")

    def wait_for_all(self, topic, payloads):
        """Until it has these and no others, whatever their order, and however often."""
        wait_until(lambda: set(self.payloads()[topic]) == set(payloads), f"all of {topic}")

    def close(self):
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def central(make_broker, tmp_path):
    """The central broker; it remembers its subscribers."""
    (tmp_path / "central").mkdir()
    return make_broker(
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {tmp_path}/central/",
        "max_queued_messages 0",
    ).start()


@pytest.fixture
def line(make_proxy, central):
    """The network between the two brokers."""
    return make_proxy(central.port)


@pytest.fixture
def site(make_broker, tmp_path, line):
    """A site's broker, with every line of the example but for the central address."""
    (tmp_path / "site").mkdir()
    lines = [each for each in BRIDGE.splitlines() if each and not each.startswith("#")]
    assert "address central.example.org:1883" in lines
    return make_broker(
        "allow_anonymous true",
        f"persistence_location {tmp_path}/site/",
        *(re.sub("^address .*", f"address 127.0.0.1:{line.port}", each) for each in lines),
    ).start()


@pytest.fixture
def reader(central, tmp_path):
    reader = Reader(central.port, tmp_path / "reader.txt")
    yield reader
    reader.close()


@contextmanager
def line_is_down(central, line):
    line.down()
    wait_until(lambda: line.cuts, "the cut")
    yield
    line.up()


@contextmanager
def central_broker_restarts(central, line):
    central.stop()
    yield
    central.start()


@pytest.mark.parametrize("outage", [line_is_down, central_broker_restarts])
def test_every_array_reaches_the_central_broker_after_an_outage(
    central, line, site, reader, subscribe, start, tmp_path, outage
):
    """Once if it waited, in order but for one: so mosquitto's bridge works."""
    at_home = subscribe(site.port, "eflex/#")
    reader.wait_for(LINK, "1")
    processes = []
    for topic in BANKS:
        folder = tmp_path / topic.rpartition("/")[2]
        folder.mkdir()
        ini = mqtt_ini(folder, site.port, topic=topic, client_id=topic.replace("/", "-"))
        processes.append(start("-c", ini, "--input", "simulator:2", "--speed", "10"))
    wait_until(lambda: all(len(reader.payloads()[topic]) > 40 for topic in BANKS), "arrays")
    with outage(central, line):
        at_home.catch_up()
        before = {topic: len(at_home.payloads(topic)) for topic in BANKS}
        wait_until(
            lambda: all(len(at_home.payloads(topic)) > before[topic] + 30 for topic in BANKS),
            "arrays of the outage",
        )
        waited = {topic: at_home.payloads(topic)[before[topic] :] for topic in BANKS}
    behind = len(at_home.payloads(BANKS[0]))
    wait_until(lambda: len(reader.payloads()[BANKS[0]]) > behind, "what came behind the outage")
    for process in processes:
        stop(process)
    late = repeated = 0
    for topic in BANKS:
        status = f"{topic}/status"
        wait_until(lambda each=status: at_home.payloads(each)[-1:] == [b"offline"], "the end")
        at_home.catch_up()
        sent = [each.decode() for each in at_home.payloads(topic)]
        reader.wait_for_all(topic, sent)
        reader.wait_for(status, "offline")
        arrived = reader.payloads()[topic]
        copies = Counter(arrived)
        assert {copies[each.decode()] for each in waited[topic]} == {1}
        repeated += len(arrived) - len(sent)
        late += overtaken(list(map(sent.index, dict.fromkeys(arrived))))
    assert late <= 1
    # In flight to the central broker, and if that was restarted also from there to the reader.
    assert repeated <= 2 * IN_FLIGHT
    reader.wait_for(LINK, "1")


def overtaken(order):
    """How many numbers come before a lower one."""
    lowest_behind = list(accumulate(reversed(order), min))[::-1]
    return sum(number > lowest for number, lowest in zip(order, lowest_behind, strict=True))


def test_a_site_keeps_so_many_arrays_in_an_outage_and_over_a_restart_of_its_broker(
    line, site, reader
):
    """As many as the example says; it loses the newest beyond."""
    topic = BANKS[0]
    reader.wait_for(LINK, "1")
    line.down()
    bank = paho.Client(CallbackAPIVersion.VERSION2)
    bank.connect("127.0.0.1", site.port)
    bank.loop_start()
    for number in range(QUEUE + 100):
        last = bank.publish(topic, str(number), qos=1)
    last.wait_for_publish(60)
    bank.disconnect()
    bank.loop_stop()
    site.restart()
    line.up()
    reader.wait_for(LINK, "1")
    kept = list(map(str, range(QUEUE)))
    wait_until(lambda: len(reader.payloads()[topic]) >= QUEUE, "what the site kept")
    assert reader.payloads()[topic] == kept


def test_the_link_says_that_the_whole_site_is_gone(central, site, reader):
    reader.wait_for(LINK, "1")
    site.kill()
    reader.wait_for(LINK, "0")


def test_the_link_says_that_nothing_comes_through_any_more(central, line, site, reader):
    """After one and a half times its keepalive; the status of a bank stays as it was."""
    status = f"{BANKS[0]}/status"
    reader.wait_for(LINK, "1")
    subprocess.run(
        ["mosquitto_pub", "-p", str(site.port), "-t", status, "-m", "online", "-r"], check=True
    )
    reader.wait_for(status, "online")
    line.held = frozenset({TO_BROKER, TO_CLIENT})
    reader.wait_for(LINK, "0")
    assert reader.payloads()[status] == ["online"]


def test_a_mosquitto_takes_no_more_clients_than_it_may_open_files(central):
    """As docs/fleet.md says of thousands of banks."""
    files = 64
    resource.prlimit(central.pid, resource.RLIMIT_NOFILE, (files, files))
    clients = []
    for number in range(files):
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"bank-{number}")
        client.connect("127.0.0.1", central.port)
        while not client.is_connected() and client.loop(1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            pass
        clients.append(client)
    connected = [each for each in clients if each.is_connected()]
    assert files - 20 < len(connected) < files
    for each in clients:
        each.disconnect()
