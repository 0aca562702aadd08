"""Whatever a broker answers, a connection ends with an error that says why."""

from __future__ import annotations

import socket
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eflexcan2mqtt.settings.schema import Mqtt
from eflexcan2mqtt.sinks.message import Message
from eflexcan2mqtt.sinks.mqtt.connection import V5, V311, Connection
from eflexcan2mqtt.sinks.mqtt.happenings import Ended
from tests.support.broker import LONGEST_WAIT_S


def packet(kind, flags, body):
    """An MQTT packet with a body of less than 128 bytes."""
    return bytes([kind << 4 | flags, len(body)]) + body


CONNACKS = [bytes([0x20, 2, 0, 0]), bytes([0x20, 3, 0, 0, 0])]
"""Of MQTT 3.1.1 and 5."""

GOOD = [
    *CONNACKS,
    packet(4, 0, b"\0\1"),
    packet(5, 0, b"\0\2"),
    packet(7, 0, b"\0\2"),
    packet(9, 0, b"\0\3\1"),
    packet(3, 0, b"\0\1s" + b"online"),
    packet(3, 2, b"\0\1s" + b"\0\7" + b"online"),
    packet(3, 4, b"\0\1s" + b"\0\10" + b"online"),
    packet(6, 2, b"\0\10"),
    packet(5, 0, b"\0\2\x87"),
    packet(9, 0, b"\0\3\0\1"),
    packet(3, 2, b"\0\1s" + b"\0\7\0" + b"online"),
    packet(13, 0, b""),
    packet(14, 0, b"\x8e\0"),
]

NO_UTF8 = packet(3, 0, b"\0\1\xff" + b"\0online")
"""A topic that cannot be decoded; good for both versions."""

HUGE = bytes([0x30, 0xFF, 0xFF, 0xFF, 0x7F])
"""268 million bytes are to follow."""

heads = st.integers(0, 15)
packets = st.one_of(
    st.sampled_from(GOOD), st.builds(packet, heads, heads, st.binary(max_size=60)), st.binary()
)
changes = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4)


def ended(answer, version):
    """The end of a connection to a broker that answers so; fails if there is none in time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = Mqtt(hostname="127.0.0.1", port=server.getsockname()[1])
        connection = Connection(config, "us", version=version)
        connection.open()
        peer, _ = server.accept()
    with peer:
        peer.sendall(answer)
        for qos in (1, 2):
            connection.publish(Message("s", b"x", qos))
        connection.subscribe("s")
        peer.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + LONGEST_WAIT_S
        try:
            while time.monotonic() < deadline:
                for event in connection.wait(0.1):
                    if isinstance(event, Ended):
                        return event
        finally:
            connection.close()
    raise AssertionError(f"no end in {LONGEST_WAIT_S:g} s")


@pytest.mark.parametrize("version", [V5, V311])
@given(
    connack=st.sampled_from([b"", *CONNACKS]),
    answers=st.lists(packets, max_size=12),
    changed=changes,
)
@example(connack=CONNACKS[0], answers=[NO_UTF8], changed=[])
@example(connack=CONNACKS[1], answers=[NO_UTF8], changed=[])
@example(connack=CONNACKS[0], answers=[HUGE], changed=[])
def test_whatever_a_broker_answers_is_an_end_in_words(version, connack, answers, changed):
    answer = bytearray(connack + b"".join(answers))
    for place, byte in changed:
        if place < len(answer):
            answer[place] = byte
    assert str(ended(bytes(answer), version).error)
