"""Many banks in one process: each a client that publishes arrays at its pace.

``python3 -m bench.banks_load`` reads a Plan from stdin as JSON, connects, prints ``ready``, reads
when to begin, publishes, and prints when it published each array, as JSON by topic.  All times are
seconds since the epoch.
"""

from __future__ import annotations

import json
import selectors
import sys
import time
from dataclasses import asdict, dataclass
from itertools import islice

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from eflexcan2mqtt.protocol.blocks import Frame
from eflexcan2mqtt.sinks.json_lines import to_json
from eflexcan2mqtt.sources import simulator
from tests.support.bank import FRAMES_PER_BURST, candump_line, published

BATTERIES = 14
CYCLES = 20
"""So many different ones; then they begin again."""
SECOND = 1_000_000_000
"""The time of the first cycle, which is replaced by that of each array."""
FRAME_S = 0.0005
ACKNOWLEDGED_S = 30.0


def cycles() -> list[list[Frame]]:
    """Cycles of a simulated bank, one a second, as on a bus without pauses."""
    size = BATTERIES * FRAMES_PER_BURST
    frames = list(islice(simulator.frames(BATTERIES, SECOND), CYCLES * size))
    return [
        [
            (can_id, data, SECOND + number + at * FRAME_S)
            for at, (can_id, data, _) in enumerate(frames[number * size : (number + 1) * size])
        ]
        for number in range(CYCLES)
    ]


def lines() -> list[list[str]]:
    """The same for the program, as candump writes them."""
    return [list(map(candump_line, each)) for each in cycles()]


def arrays() -> list[bytes]:
    """What the program publishes of them."""
    frames = [frame for cycle in cycles() for frame in cycle]
    return [to_json(each).encode() for each in published(frames, "extended")]


START_S = 60.0
"""Until all banks are connected."""


@dataclass(frozen=True)
class Plan:
    """The banks of one step."""

    addresses: list[tuple[str, int]]
    """Of the brokers; the banks take turns."""
    login: tuple[str, str] | None
    mqtt5: bool
    qos: int
    topics: dict[str, float]
    """When in the first second, as a part of it."""
    pace: float
    """Arrays a second of each bank."""
    ticks: int
    """How many arrays each bank publishes."""
    base: int
    """The ``time`` of the first."""

    def text(self) -> str:
        return json.dumps(asdict(self))

    def due(self, topic: str, tick: int) -> float:
        """The seconds from the beginning to an array."""
        return (tick + self.topics[topic]) / self.pace


class Load:
    """The clients, and the loop of all."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._qos = plan.qos
        self._connected = self._acknowledged = 0
        self._selector = selectors.DefaultSelector()
        self._clients = {
            topic: self._client(topic, *plan.addresses[number % len(plan.addresses)])
            for number, topic in enumerate(plan.topics)
        }
        deadline = time.monotonic() + START_S
        while self._connected < len(self._clients):
            if time.monotonic() > deadline:
                sys.exit(f"{self._connected} of {len(self._clients)} banks are connected")
            self._turn(1.0)

    def _client(self, topic: str, host: str, port: int) -> paho.Client:
        version = paho.MQTTv5 if self._plan.mqtt5 else paho.MQTTv311
        name = topic.replace("/", "-")
        client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=version)
        if self._plan.login:
            client.username_pw_set(*self._plan.login)
        client.max_queued_messages_set(0)
        client.on_connect = self._on_connect
        client.on_disconnect = lambda *reason: sys.exit(f"{topic}: disconnected: {reason[3]}")
        client.on_publish = self._on_publish
        client.on_socket_open = lambda _, __, sock: self._watch(client, sock, write=False)
        client.on_socket_register_write = lambda _, __, sock: self._watch(client, sock, write=True)
        client.on_socket_unregister_write = lambda _, __, sock: self._watch(
            client, sock, write=False
        )
        client.connect(host, port)
        return client

    def _watch(self, client: paho.Client, sock: paho.SocketLike, *, write: bool) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if write else 0)
        if sock.fileno() in self._selector.get_map():
            self._selector.modify(sock, events, client)
        else:
            self._selector.register(sock, events, client)

    def _on_connect(self, *found: object) -> None:
        if found[3].is_failure:  # type: ignore[attr-defined]
            sys.exit(f"refused: {found[3]}")
        self._connected += 1
        # A broker that has no QoS 2 says so.
        self._qos = min(self._qos, getattr(found[4], "MaximumQoS", 2))

    def _on_publish(self, *_: object) -> None:
        self._acknowledged += 1

    def _turn(self, seconds: float) -> None:
        for key, events in self._selector.select(max(0.0, seconds)):
            if events & selectors.EVENT_READ:
                key.data.loop_read()
            if events & selectors.EVENT_WRITE:
                key.data.loop_write()

    def run(self, begin: float) -> dict[str, list[float]]:
        """Publish all; when each array was published, by topic."""
        plan, payloads = self._plan, arrays()
        published_at: dict[str, list[float]] = {topic: [] for topic in plan.topics}
        order = sorted(plan.topics, key=plan.topics.__getitem__)
        for tick in range(plan.ticks):
            cycle = tick % CYCLES
            old, new = str(SECOND + cycle).encode(), str(plan.base + tick).encode()
            payload = payloads[cycle].replace(old, new)
            for topic in order:
                due = begin + plan.due(topic, tick)
                while (left := due - time.time()) > 0:
                    self._turn(left)
                self._turn(0)
                published_at[topic].append(time.time())
                self._clients[topic].publish(topic, payload, self._qos)
        until = time.time() + ACKNOWLEDGED_S
        while self._acknowledged < plan.ticks * len(order) and time.time() < until:
            self._turn(0.1)
        return published_at


def main() -> None:
    load = Load(Plan(**json.loads(sys.stdin.readline())))
    print("ready", flush=True)
    json.dump(load.run(float(sys.stdin.readline())), sys.stdout)


if __name__ == "__main__":
    main()
