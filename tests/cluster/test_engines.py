"""The table of engines in docs/many-banks.md says what each of them does."""

from __future__ import annotations

import pytest

from .client import Client
from .engines import answers, answers_to_a_death, documented, ready
from .rabbitmq import Classic

BUSY_S = 60.0
"""So long a cluster may be busy with its start."""


def test_a_mosquitto_does_what_the_table_says(broker):
    assert documented("mosquitto 2.0") == documented("mosquitto 2.0") | answers(
        [("127.0.0.1", broker.port)]
    )


def test_a_cluster_does_what_the_table_says(nodes):
    found = answers([each.where for each in nodes]) | answers_to_a_death(nodes)
    assert documented(nodes[0].title) == found


@pytest.mark.parametrize("nodes", [Classic], indirect=True)
def test_without_quorum_queues_nothing_is_acknowledged_while_the_node_of_a_reader_is_away(nodes):
    ready([each.where for each in nodes])
    reader = Client(nodes[0].where, "facts-session")
    assert reader.subscribe("facts/kept") == 1
    reader.close()
    sender = Client(nodes[1].where)
    assert sender.publish("facts/kept", b"before", longest_s=BUSY_S)
    nodes[0].kill()
    assert not sender.publish("facts/kept", b"while it is away")
    nodes[0].start()
    nodes[0].wait()
    assert sender.publish("facts/kept", b"after", longest_s=BUSY_S)
    sender.close()
