"""Brokers to compare, each alone and three of them: started, addressed, and ended."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Protocol

from tests.cluster.client import PASSWORD, USER
from tests.cluster.nats import Nats
from tests.cluster.node import PORT, Node
from tests.cluster.rabbitmq import RabbitMQ
from tests.support.broker import Broker

LOGIN = (USER, PASSWORD)
"""Of the examples."""


class Engine(Protocol):
    """One broker, or three that are one, or three apart from each other."""

    name: str
    count: int
    login: tuple[str, str] | None
    mqtt5: bool
    qos: int

    def start(self) -> None:
        """Start it, and wait until it takes clients."""

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Of its brokers."""

    @property
    def readers(self) -> list[list[tuple[str, int]]]:
        """The addresses for each reader that must read for all banks to be read."""

    def pids(self) -> list[int]:
        """All its processes."""

    def stop(self) -> None:
        """End it."""


class Mosquitto:
    """One, or more that do not know of each other, so that each needs a reader."""

    name = "mosquitto"
    login: tuple[str, str] | None = None
    mqtt5 = True
    qos = 2

    def __init__(self, folder: Path, count: int) -> None:
        self.count = count
        self._brokers = []
        for number in range(count):
            home = folder / f"mosquitto-{number}"
            home.mkdir()
            self._brokers.append(
                Broker(
                    home,
                    *("allow_anonymous true", "max_queued_messages 0"),
                    "max_inflight_messages 0",  # a reader says how many it takes at once
                    *("persistence true", f"persistence_location {home}/"),
                )
            )

    def start(self) -> None:
        for each in self._brokers:
            each.start()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        return [("127.0.0.1", each.port) for each in self._brokers]

    @property
    def readers(self) -> list[list[tuple[str, int]]]:
        return [[each] for each in self.addresses]

    def pids(self) -> list[int]:
        return [each.pid for each in self._brokers]

    def stop(self) -> None:
        for each in self._brokers:
            each.kill()


class Cluster:
    """One node or three, each in a network namespace, with the configuration of the examples."""

    login: tuple[str, str] | None = LOGIN

    def __init__(self, name: str, nodes: list[Node], *, mqtt5: bool) -> None:
        self.name = name
        self.count = len(nodes)
        self.mqtt5 = mqtt5
        self.qos = nodes[0].qos
        self._nodes = nodes

    def start(self) -> None:
        for each in self._nodes:
            each.start()
        for each in self._nodes:
            each.wait()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        return [(each.address, PORT) for each in self._nodes]

    @property
    def readers(self) -> list[list[tuple[str, int]]]:
        return [self.addresses]

    def pids(self) -> list[int]:
        found = []
        for each in self._nodes:
            command = ["ip", "netns", "pids", each.name]
            text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found += list(map(int, text.split()))
        return found

    def stop(self) -> None:
        for each in self._nodes:
            each.kill()


def mosquitto(folder: Path, count: int) -> Engine:
    """mosquitto, with all that it needs to keep what a reader has not acknowledged."""
    return Mosquitto(folder, count)


def rabbitmq(folder: Path, count: int) -> Engine:
    """RabbitMQ; one alone must not look for the others."""
    nodes: list[Node] = [RabbitMQ(number, folder) for number in range(1, count + 1)]
    if count == 1:
        _without(nodes[0].folder / "rabbitmq.conf", r"^cluster_[^\n]*\n")
    return Cluster("RabbitMQ", nodes, mqtt5=True)


def nats(folder: Path, count: int) -> Engine:
    """NATS; one alone must not look for the others."""
    nodes: list[Node] = [Nats(number, folder) for number in range(1, count + 1)]
    if count == 1:
        _without(
            nodes[0].folder / "nats.conf", r"^cluster \{.*?^\}\n", r"^ *stream_replicas[^\n]*\n"
        )
    return Cluster("NATS", nodes, mqtt5=False)


def _without(file: Path, *patterns: str) -> None:
    text = file.read_text()
    for each in patterns:
        text, count = re.subn(each, "", text, flags=re.MULTILINE | re.DOTALL)
        assert count, each
    file.write_text(text)
