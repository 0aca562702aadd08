"""A site's broker with the bridge of the examples, a central one, and banks between them."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.broker import wait_until
from tests.support.program import mqtt_ini, stop

BRIDGE = (Path(__file__).parents[1] / "examples" / "mosquitto-bridge.conf").read_text()
BANKS = ("eflex/home/house", "eflex/home/barn")
LINK = "eflex-links/home"


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
def site(make_broker, tmp_path, central):
    """A site's broker, with every line of the example but for the central address."""
    (tmp_path / "site").mkdir()
    lines = [line for line in BRIDGE.splitlines() if line and not line.startswith("#")]
    assert "address central.example.org:1883" in lines
    return make_broker(
        "allow_anonymous true",
        f"persistence_location {tmp_path}/site/",
        *(re.sub("^address .*", f"address 127.0.0.1:{central.port}", line) for line in lines),
    ).start()


@pytest.fixture
def reader(central, tmp_path):
    reader = Reader(central.port, tmp_path / "reader.txt")
    yield reader
    reader.close()


def test_every_array_reaches_the_central_broker_though_that_was_away(
    central, site, reader, subscribe, start, tmp_path
):
    """At least once, and not always in order: so mosquitto's bridge works."""
    at_home = subscribe(site.port, "eflex/#")
    reader.wait_for(LINK, "1")
    processes = []
    for topic in BANKS:
        folder = tmp_path / topic.rpartition("/")[2]
        folder.mkdir()
        ini = mqtt_ini(folder, site.port, topic=topic, client_id=topic.replace("/", "-"))
        processes.append(start("-c", ini, "--input", "simulator:2", "--speed", "5"))
    wait_until(lambda: all(len(reader.payloads()[topic]) > 5 for topic in BANKS), "arrays")
    central.stop()
    before = len(at_home.payloads(BANKS[0]))
    wait_until(lambda: len(at_home.payloads(BANKS[0])) > before + 15, "arrays of the outage")
    central.start()
    behind = len(at_home.payloads(BANKS[0]))
    wait_until(lambda: len(reader.payloads()[BANKS[0]]) > behind, "what came behind the outage")
    for process in processes:
        stop(process)
    for topic in BANKS:
        status = f"{topic}/status"
        wait_until(lambda each=status: at_home.payloads(each)[-1:] == [b"offline"], "the end")
        at_home.catch_up()
        reader.wait_for_all(topic, [each.decode() for each in at_home.payloads(topic)])
        reader.wait_for(status, "offline")
    reader.wait_for(LINK, "1")


def test_the_link_says_that_the_whole_site_is_gone(central, site, reader):
    reader.wait_for(LINK, "1")
    site.kill()
    reader.wait_for(LINK, "0")
