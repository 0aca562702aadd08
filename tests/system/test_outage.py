"""Twenty minutes of a bank at ten times its pace, while broker and bridge are killed at random.

Runs on the host: it needs a real mosquitto, but no kernel of its own.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import islice
from random import Random

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from eflexcan2mqtt.sinks.mqtt.caution import IN_FLIGHT
from eflexcan2mqtt.sources import simulator
from tests.support.bank import CYCLE_S, FRAMES_PER_BURST, START, candump_line, published
from tests.support.broker import wait_until
from tests.support.program import MAIN

BATTERIES = 3
PACE = 10
MINUTES = 20
CYCLES = int(MINUTES * 60 / CYCLE_S)
LAST_SECOND = PACE + 1
"""So many cycles may a killed bridge lose: those of the last second."""


class Bridge:
    """The bridge on a pipe, killed and started again with the same spool."""

    def __init__(self, folder, port):
        self.folder = folder
        self.fifo = folder / "bus"
        os.mkfifo(self.fifo)
        (folder / "x.ini").write_text(
            f"[mqtt]\nhostname = 127.0.0.1\nport = {port}\nkeepalive = 5\n"
            f"[spool]\ndirectory = {folder}/spool\n"
        )
        self.start()

    def start(self):
        with (self.folder / "bridge.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, MAIN, "-c", "x.ini", "--input", self.fifo, "--speed", "0"],
                cwd=self.folder,
                stderr=log,
            )
        self.bus = self.fifo.open("w")

    def feed(self, text):
        self.bus.write(text)
        self.bus.flush()

    def kill(self):
        self.process.kill()
        self.process.wait()
        with suppress(BrokenPipeError):
            self.bus.close()


@pytest.fixture
def subscriber(tmp_path):
    """A subscriber that the broker keeps the messages for; what it got, by time."""
    received = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="reader", clean_session=False)
    client.reconnect_delay_set(1, 1)
    client.on_connect = lambda client, *_: client.subscribe("eflexbatteries", qos=2)
    client.on_message = lambda _, __, message: received.append(json.loads(message.payload))
    yield client, received
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("seed", [int(os.environ.get("EFLEX_SEED", "1"))])
def test_what_was_read_arrives_once_and_in_order(  # noqa: PLR0915
    tmp_path, make_broker, subscriber, seed
):
    random = Random(seed)
    broker = make_broker(
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {tmp_path}/",
        "autosave_on_changes true",
        "autosave_interval 1",
        "max_queued_messages 0",
        "max_inflight_messages 0",
    ).start()
    client, received = subscriber
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    wait_until(client.is_connected)
    frames = islice(simulator.frames(BATTERIES, START, seed), CYCLES * BATTERIES * FRAMES_PER_BURST)
    lines = list(map(candump_line, frames))
    size = BATTERIES * FRAMES_PER_BURST
    bursts = ["".join(lines[at : at + size]) for at in range(0, len(lines), size)]
    bridge = Bridge(tmp_path, broker.port)
    tolerated, events = set(), []
    away_until = frozen_until = -1
    next_event = 50
    try:
        due = time.monotonic()
        for cycle, text in enumerate(bursts):
            bridge.feed(text)
            due += CYCLE_S / PACE
            time.sleep(max(0.0, due - time.monotonic()))
            if away_until == cycle:
                broker.start()
            if frozen_until == cycle:
                broker.thaw()
            if cycle == next_event and cycle < CYCLES - 100:
                event = random.choice(
                    ["kill broker", "stop broker", "freeze broker", "kill bridge", "stop bridge"]
                )
                events.append(f"{cycle}: {event}")
                if event == "stop bridge":
                    time.sleep(0.2)  # it has read all; nothing may be lost
                    bridge.process.terminate()
                    bridge.process.wait(5)
                    bridge.kill()
                    bridge.start()
                    due = time.monotonic()
                elif event == "kill bridge" or random.random() < 0.2:
                    time.sleep(random.uniform(0, 0.1))
                    bridge.kill()
                    tolerated |= set(range(cycle - LAST_SECOND, cycle + 1))
                    bridge.start()
                    due = time.monotonic()
                if away_until <= cycle and frozen_until <= cycle:
                    lasts = random.randrange(20, 150)
                    if event == "freeze broker":
                        broker.freeze()
                        frozen_until = cycle + lasts
                    elif event.endswith("broker"):
                        if event == "stop broker":
                            broker.send(signal.SIGTERM)
                            time.sleep(0.3)
                        broker.kill()
                        away_until = cycle + lasts
                next_event = cycle + random.randrange(15, 90)
        if away_until >= CYCLES:
            broker.start()
        broker.thaw()
        bridge.bus.close()
        bridge.process.wait(60)
    finally:
        bridge.kill()
        broker.thaw()
    print(*events, sep="\n")
    print((tmp_path / "bridge.log").read_text())
    reference = published(islice(simulator.frames(BATTERIES, START, seed), len(lines)))
    wait_until(lambda: received and received[-1] == reference[-1], "the last array")
    places = {json.dumps(array): cycle for cycle, array in enumerate(reference)}
    found = [places.get(json.dumps(array)) for array in received]
    missing = set(range(CYCLES)) - set(found) - tolerated
    first_seen = list(dict.fromkeys(found))
    twice = len(found) - len(first_seen)
    print(
        f"seed {seed}: {len(events)} events, {len(received)} arrays of {CYCLES}, {twice} twice, "
        f"{len(set(range(CYCLES)) - set(found))} lost by kills of the bridge"
    )
    # Cut short by a kill of the bridge, a cycle may come with fewer batteries.
    cut = [cycle for cycle in found if cycle is None]
    assert len(cut) <= len([each for each in events if "bridge" in each])
    # What was under way in a kill may have arrived without our knowing.
    assert twice <= IN_FLIGHT * len(tolerated) / (LAST_SECOND + 1)
    assert sorted(missing) == []
    whole = [cycle for cycle in first_seen if cycle is not None]
    assert all(one < other for one, other in itertools.pairwise(whole))
