"""A client of one node, to see what an engine does; and a reader that counts what comes twice."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Sequence

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.broker import release, wait_until

V311, V5 = MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5
USER, PASSWORD = "eflex", "change me"
KEEPALIVE_S = 10
SESSION_S = 3600
ANSWER_S = 10.0
_numbers = itertools.count(1)


def new_client(client_id: str, version: int, clean: bool) -> paho.Client:
    """Not connected yet."""
    made = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=MQTTProtocolVersion(version),
        clean_session=None if version == V5 else clean,
        reconnect_on_failure=False,
    )
    made.username_pw_set(USER, PASSWORD)
    return made


class Client:
    """Connected to an address; ``messages`` are those that have come, with their retain flags.

    A ``session`` of this name stays for an hour; without one, it has an id of its own, since an
    engine may still be busy with the end of one before.  ``will`` is the topic of a retained last
    will.
    """

    def __init__(
        self,
        where: tuple[str, int],
        session: str | None = None,
        version: int = V311,
        will: str | None = None,
    ) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.ended = False
        self.accepted: bool | None = None
        self.properties: Properties | None = None
        self._granted: dict[int, int] = {}
        self._acknowledged: set[int] = set()
        clean = session is None
        client_id = session or f"client-{next(_numbers)}"
        self._client = client = new_client(client_id, version, clean)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = lambda _, __, each: self.messages.append(
            (each.topic, bytes(each.payload), each.retain)
        )
        client.on_subscribe = lambda _, __, mid, codes, ___: self._granted.update(
            {mid: codes[0].value}
        )
        client.on_publish = lambda _, __, mid, *___: self._acknowledged.add(mid)
        if will:
            client.will_set(will, b"offline", qos=1, retain=True)
        asked = None
        if version == V5:
            asked = Properties(PacketTypes.CONNECT)
            asked.SessionExpiryInterval = 0 if clean else SESSION_S
        start = clean if version == V5 else paho.MQTT_CLEAN_START_FIRST_ONLY
        client.connect(*where, KEEPALIVE_S, clean_start=start, properties=asked)
        client.loop_start()
        self.wait(lambda: self.accepted is not None)

    def _connected(self, client, userdata, flags, reason, properties) -> None:
        self.accepted, self.properties = not reason.is_failure, properties

    def _disconnected(self, *_: object) -> None:
        self.ended = True
        if self.accepted is None:
            self.accepted = False

    def wait(self, condition, longest_s: float = ANSWER_S) -> bool:
        """Whether it holds within some seconds, while there is a connection."""
        deadline = time.monotonic() + longest_s
        while not (met := bool(condition())) and not self.ended and time.monotonic() < deadline:
            time.sleep(0.02)
        return met

    def wait_for(self, count: int, longest_s: float = ANSWER_S) -> bool:
        """Whether so many messages have come."""
        return self.wait(lambda: len(self.messages) >= count, longest_s)

    def subscribe(self, topic: str, qos: int = 1) -> int | None:
        """The QoS that was granted, or the code of the refusal."""
        _, mid = self._client.subscribe(topic, qos=qos)
        self.wait(lambda: mid in self._granted)
        return self._granted.get(mid)

    def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int = 1,
        retain: bool = False,
        longest_s: float = ANSWER_S,
    ) -> bool:
        """Whether it was acknowledged."""
        mid = self._client.publish(topic, payload, qos, retain).mid
        return self.wait(lambda: mid in self._acknowledged, longest_s)

    def payloads(self, topic: str) -> list[bytes]:
        return [payload for name, payload, _ in self.messages if name == topic]

    def close(self) -> None:
        """Say goodbye."""
        self._client.disconnect()
        self._client.loop_stop()
        release(self._client)

    def drop(self) -> None:
        """End without a word, as a power cut does."""
        self._client.loop_stop()
        if (socket := self._client.socket()) is not None:
            socket.close()
        release(self._client)


class Witness:
    """Reads from the first of some brokers that works, in one session; counts each message."""

    def __init__(self, brokers: Sequence[tuple[str, int]], topic: str) -> None:
        self._seen: Counter[tuple[str, bytes]] = Counter()
        self._subscribed = threading.Event()
        self._stopping = False
        self._topic = topic
        self._client = client = new_client("witness", V311, clean=False)
        client.on_connect = lambda *_: client.subscribe(topic, qos=1)
        client.on_subscribe = self._answered
        client.on_message = lambda _, __, each: self._seen.update([(each.topic, each.payload)])
        self._thread = threading.Thread(target=self._read, args=(brokers,), daemon=True)
        self._thread.start()
        wait_until(self._subscribed.is_set, "the witness")

    def _answered(self, client, userdata, mid, codes, properties) -> None:
        if not codes[0].is_failure:
            self._subscribed.set()

    def _read(self, brokers: Sequence[tuple[str, int]]) -> None:
        for broker in itertools.cycle(brokers):
            try:
                self._client.connect(*broker, KEEPALIVE_S)
                while self._client.loop(0.2) == paho.MQTT_ERR_SUCCESS and not self._stopping:
                    pass
            except OSError:
                pass
            if self._stopping:
                self._client.disconnect()
                return
            time.sleep(0.5)

    def end(self) -> tuple[int, int]:
        """How many messages have come, and how many of them were there before."""
        self._stopping = True
        self._thread.join()
        release(self._client)
        return sum(self._seen.values()), sum(self._seen.values()) - len(self._seen)
