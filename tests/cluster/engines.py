"""What an engine does with what banks and readers ask of it, in the words of docs/many-banks.md.

Each is seen from outside, by clients of its nodes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.markdown import tables

from .client import V5, V311, Client
from .node import Node

DOCS = Path(__file__).parents[2] / "docs/many-banks.md"
SETTLE_S = 1.0
"""Until what will not come would have come."""
ANSWER_S, TRIES = 3.0, 5
LONGEST_SEARCH_S, WILL_S = 60.0, 20.0

KEPT, LOST = "facts-session", "facts-watcher"
"""Sessions of readers."""

YES, NO, NONE = "yes", "no", "—"
Where = tuple[str, int]


def documented(engine: str) -> dict[str, str]:
    """The column of an engine in the table of engines."""
    [(head, *rows)] = [each for each in tables(DOCS.read_text()) if each[0][0] == "engine"]
    column = head.index(engine)
    return {cells[0]: cells[column] for cells in rows}


def answers(where: Sequence[Where]) -> dict[str, str]:
    """What clients of the nodes see, by the first column of the table."""
    ready(where)
    return {
        "MQTT": _versions(where),
        "QoS 2, with MQTT 5": _twice(where, V5),
        "QoS 2, with MQTT 3.1.1": _twice(where, V311),
        "an array of 20 kB": _large(where),
        "retained messages": _retained(where, "facts/retained"),
        "retained messages, by a topic with `+`": _retained(where, "facts/+"),
        "last will": _will(where),
        "`$share`": _share(where),
    }


def ready(where: Sequence[Where]) -> None:
    """Wait until each node takes messages: at its start it may end connections."""
    for each in where:
        _deliver(each, "facts/ready", b"x")


def answers_to_a_death(nodes: Sequence[Node]) -> dict[str, str]:
    """What is left of what one node had, before it is started again."""
    dying, other, third = (each.where for each in nodes)
    for session, topic in ((KEPT, "facts/kept"), (LOST, "facts/lost")):
        reader = Client(dying if session == KEPT else other, session)
        reader.subscribe(topic)
        reader.close()
    lost = Client(dying, will="facts/lost")
    assert lost.publish("facts/status", b"online", retain=True)
    _deliver(other, "facts/kept", b"before")
    nodes[0].kill()
    _deliver(other, "facts/kept", b"after")
    found = {
        "after a node died: what waits for its readers": _word(
            _comes(third, KEPT, {b"before", b"after"})
        ),
        "after a node died: its retained messages": _word(
            any(sees(third, "facts/status") for _ in range(TRIES))
        ),
        "after a node died: last wills of its clients": _word(
            _comes(other, LOST, {b"offline"}, WILL_S)
        ),
    }
    lost.close()
    nodes[0].start()
    nodes[0].wait()
    return found


def _deliver(where: Where, topic: str, payload: bytes) -> None:
    """Publish it again until it is acknowledged: a node may end connections while it recovers."""
    deadline = time.monotonic() + LONGEST_SEARCH_S
    acknowledged = False
    while not acknowledged:
        assert time.monotonic() < deadline, f"{where} does not acknowledge {topic}"
        client = Client(where)
        acknowledged = client.publish(topic, payload)
        client.close()


def _word(seen: object) -> str:
    return YES if seen else NO


def _versions(where: Sequence[Where]) -> str:
    found = {}
    for name, version in (("5", V5), ("3.1.1", V311)):
        client = Client(where[0], version=version)
        found[name] = client.accepted
        client.close()
    return ", ".join(name for name, accepted in found.items() if accepted)


def _twice(where: Sequence[Where], version: int) -> str:
    """A message of QoS 2 is taken, and delivered with it; or what becomes of it."""
    client = Client(where[0], version=version)
    if not client.accepted:
        client.close()
        return NONE
    granted = client.subscribe("facts/qos", 2)
    taken = client.publish("facts/qos", b"x", 2)
    client.close()
    if not taken:
        return "refused"
    return YES if granted == 2 else f"QoS {granted}"


def _large(where: Sequence[Where]) -> str:
    client = Client(where[0])
    client.subscribe("facts/large")
    client.publish("facts/large", bytes(20_000))
    arrived = client.wait(lambda: client.payloads("facts/large"))
    client.close()
    return _word(arrived)


def _retained(where: Sequence[Where], topic: str) -> str:
    sender = Client(where[0])
    sender.publish("facts/retained", b"online", retain=True)
    time.sleep(SETTLE_S)
    seen = [sees(each, topic) for each in where]
    sender.publish("facts/retained", b"", retain=True)
    sender.close()
    return "on one node" if seen[0] and not any(seen[1:]) and len(seen) > 1 else _word(all(seen))


def sees(where: Where, topic: str) -> bool:
    """Whether a new client of the node gets a retained message."""
    client = Client(where)
    client.subscribe(topic)
    kept = client.wait(lambda: any(retained for _, _, retained in client.messages), ANSWER_S)
    client.close()
    return kept


def _will(where: Sequence[Where]) -> str:
    reader = Client(where[-1])
    assert reader.subscribe("facts/will") == 1
    Client(where[0], will="facts/will").drop()
    arrived = reader.wait(lambda: reader.payloads("facts/will"))
    reader.publish("facts/will", b"", retain=True)
    reader.close()
    return _word(arrived)


def _share(where: Sequence[Where]) -> str:
    """Two readers of a group get each message once, together."""
    version = V5 if YES in _twice(where, V5) else V311
    readers = [Client(each, version=version) for each in (where[0], where[-1])]
    for each in readers:
        assert each.accepted
        each.subscribe("$share/facts/facts/share")
    sender = Client(where[0])
    for number in range(10):
        assert sender.publish("facts/share", b"%d" % number)
    time.sleep(ANSWER_S)
    shares = [len(each.messages) for each in readers]
    for each in (*readers, sender):
        each.close()
    return _word(sum(shares) == 10)


def _comes(
    where: Where, session: str, payloads: set[bytes], longest_s: float = LONGEST_SEARCH_S
) -> bool:
    """Whether these have waited for the reader; it tries again while the node cannot take it."""
    deadline, found = time.monotonic() + longest_s, set[bytes]()
    while found != payloads and time.monotonic() < deadline:
        client = Client(where, session)
        client.wait_for(len(payloads))
        found |= {payload for _, payload, _ in client.messages}
        client.close()
        time.sleep(SETTLE_S)
    return found == payloads
