"""A node that is cut off from the others is so, and its clients see nothing of it."""

from __future__ import annotations

import subprocess
import sys

from tests.support.broker import wait_until

from .network import CLIENTS, OURS, PEERS, SUBNETS, Network

# Nobody listens on that port: what arrives there is refused.
REACHES = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9), 1)
except ConnectionRefusedError:
    print(True)
except OSError:
    print(False)
"""


def reaches(number, address):
    """Whether a node reaches an address."""
    command = ["ip", "netns", "exec", f"node-{number}", sys.executable, "-c", REACHES, address]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout == "True\n"


def test_a_node_that_is_cut_off_reaches_its_clients_and_no_other_node(network):
    client = f"{SUBNETS[CLIENTS]}.{OURS}"
    first, second, third = (f"{SUBNETS[PEERS]}.{number}" for number in (1, 2, 3))
    assert reaches(1, second)
    Network.cut(1)
    assert [reaches(1, each) for each in (second, third, client)] == [False, False, True]
    assert [reaches(2, each) for each in (first, third)] == [False, True]
    Network.mend(1)
    # What was not reached is looked for again a second later.
    wait_until(lambda: all(reaches(1, each) for each in (second, third, client)), "the others")
