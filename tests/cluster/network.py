"""Nodes, each in a network namespace of its own, so that they can be cut off from each other.

A node is in two networks: its clients reach it in one, its peers in the other.  Run by apart.sh.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable

CLIENTS, PEERS = "clients", "peers"
SUBNETS = {CLIENTS: "10.18.1", PEERS: "10.18.2"}
OURS = 254


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


class Network:
    """Both networks, and the namespaces ``node-1``, ``node-2``, … in them."""

    def __init__(self, numbers: Iterable[int]) -> None:
        # That ends with the command; on the machine itself, it would stay.
        assert os.getpid() == 1, "it needs a network of its own: tests/cluster/apart.sh COMMAND…"
        for name in SUBNETS:
            run("ip", "link", "add", name, "type", "bridge")
            run("ip", "link", "set", name, "up")
        run("ip", "address", "add", f"{SUBNETS[CLIENTS]}.{OURS}/24", "dev", CLIENTS)
        for number in numbers:
            self._add(number)

    @staticmethod
    def _add(number: int) -> None:
        node = f"node-{number}"
        run("ip", "netns", "add", node)
        for name, subnet in SUBNETS.items():
            port = f"{name}-{number}"
            run("ip", "link", "add", port, "type", "veth", "peer", "name", name, "netns", node)
            run("ip", "link", "set", port, "master", name, "up")
            run("ip", "-n", node, "address", "add", f"{subnet}.{number}/24", "dev", name)
            run("ip", "-n", node, "link", "set", name, "up")
        run("ip", "-n", node, "link", "set", "lo", "up")

    @staticmethod
    def cut(number: int, network: str = PEERS) -> None:
        """Drop what the node sends and gets there; it does not see that."""
        run("bridge", "link", "set", "dev", f"{network}-{number}", "state", "disabled")

    @staticmethod
    def mend(number: int, network: str = PEERS) -> None:
        run("bridge", "link", "set", "dev", f"{network}-{number}", "state", "forwarding")
