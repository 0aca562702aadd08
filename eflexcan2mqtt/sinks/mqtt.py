"""Arrays out to one MQTT topic, over one lasting broker connection.

paho's network thread connects, reconnects and sends; what the broker has not yet
acknowledged waits here, in bounded memory.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode

from ..config import Mqtt
from ..protocol.decode import Reading
from .client import failure, make_client
from .json_lines import to_json
from .link import MUTE, Link

log = logging.getLogger(__name__)

WAITING = 1000
"""Arrays kept while the broker is away: a quarter of an hour of a 14-battery bank."""

# paho sends all that it holds at once after a reconnect, and with more than
# twenty some of them twice.
IN_FLIGHT = 20

_STATUS_QOS = 1
_NONE, _TRYING, _OPEN, _UP = "none", "trying", "open", "up"  # how far a connection has come
_MUTE_S = 10.0
_POLL_S = 0.02


class MqttSink:
    """Publishes arrays; never blocks and never raises for anything the broker does.

    ``<topic>/status``, retained, is ``online`` while connected, else ``offline``.  Of
    the arrays that wait, ``waiting`` at most, the oldest give way first.
    """

    def __init__(self, config: Mqtt, waiting: int = WAITING) -> None:
        self._config = config
        self._link = Link(f"{config.hostname}:{config.port}", config.client_id)
        self._status_topic = f"{config.topic}/status"
        self._room = waiting
        self._guard = threading.Lock()  # of the next five; never held while in paho
        self._waiting: deque[bytes] = deque()
        self._arrays: set[int] = set()  # message ids in flight
        self._statuses: set[int] = set()
        self._early: set[int] = set()  # acknowledged before publish() told their id
        self._dropped = 0
        self._sending = threading.Lock()
        self._attempt = _NONE
        self._opened = 0.0
        self._online: int | None = None
        self._ready = False
        self._disconnected = threading.Event()
        self._closing = False
        self._client = client = make_client(config, config.client_id)
        client.will_set(self._status_topic, "offline", _STATUS_QOS, retain=True)
        client.on_pre_connect = self._on_pre_connect
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish

    def start(self) -> None:
        """Begin to connect, broker or not."""
        self._client.connect_async(self._config.hostname, self._config.port, self._config.keepalive)
        self._client.loop_start()

    def publish(self, cycle: list[Reading]) -> None:
        """Send an array, or keep it until it can be sent."""
        payload = to_json(cycle).encode()
        with self._guard:
            if len(self._waiting) == self._room:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(payload)
        self._look_at_the_connection()
        self._send()

    def wait_for_room(self) -> None:
        """Wait until publishing one more array drops none; for sources that can wait."""
        while len(self._waiting) == self._room:
            time.sleep(_POLL_S)

    def drain(self, patience_s: float) -> int:
        """Wait until all is delivered, or nothing has been for so long; return what is left."""
        left, since = self.undelivered(), time.monotonic()
        while left and time.monotonic() - since < patience_s:
            time.sleep(_POLL_S)
            before, left = left, self.undelivered()
            if left < before:
                since = time.monotonic()
        return left

    def close(self, timeout_s: float) -> None:
        """Deliver what can be delivered, say ``offline`` and go; takes ``timeout_s`` at most."""
        deadline = time.monotonic() + timeout_s
        farewell = deadline - timeout_s / 3
        while self._ready and self.undelivered() and time.monotonic() < farewell:
            time.sleep(_POLL_S)
        self._closing = True
        if self._attempt == _UP:
            offline = self._hand_over(self._status_topic, b"offline", _STATUS_QOS, self._statuses)
            while offline in self._statuses and time.monotonic() < deadline:
                time.sleep(_POLL_S)
            connection = self._client.socket()
            if offline in self._statuses and isinstance(connection, socket.socket):
                # A farewell would suppress the last will, which must now speak for us.
                connection.shutdown(socket.SHUT_RDWR)
        connected = self._client.is_connected()
        self._client.disconnect()
        if connected:
            self._disconnected.wait(max(0.0, deadline - time.monotonic()))
        if left := self.undelivered():
            log.warning("%s: not delivered: %d arrays", self._link.name, left)
        self._tell_dropped()
        # paho's thread is not joined: it may be deep in a name lookup, and is a daemon.

    def undelivered(self) -> int:
        """How many arrays the broker has not acknowledged."""
        with self._guard:
            return len(self._waiting) + len(self._arrays)

    def _send(self) -> None:
        """Hand arrays to paho while there is room in flight.

        Called by both threads.  Who finds the other one at it goes: that one looks again
        after each array, and waiting here could be waiting for each other, since paho calls
        back with its own lock held.
        """
        while self._can_send() and self._sending.acquire(blocking=False):
            try:
                self._send_one()
            finally:
                self._sending.release()

    def _can_send(self) -> bool:
        with self._guard:
            return self._ready and bool(self._waiting) and len(self._arrays) < IN_FLIGHT

    def _send_one(self) -> None:
        with self._guard:
            if not self._waiting or len(self._arrays) >= IN_FLIGHT:
                return
            payload = self._waiting.popleft()
        if self._hand_over(self._config.topic, payload, self._config.qos, self._arrays) is None:
            with self._guard:
                self._ready = False
                self._waiting.appendleft(payload)

    def _hand_over(self, topic: str, payload: bytes, qos: int, ids: set[int]) -> int | None:
        """Give paho a message; its id joins ``ids`` until the broker acknowledges it.

        Returns None if paho did not take it.
        """
        info = self._client.publish(topic, payload, qos, retain=ids is self._statuses)
        # Without a connection paho says so, but keeps what is not QoS 0 and sends it later.
        kept = info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN and qos > 0
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS and not kept:
            return None
        with self._guard:
            if info.mid in self._early:
                self._early.remove(info.mid)
            else:
                ids.add(info.mid)
        return info.mid

    def _on_pre_connect(self, _: paho.Client, __: Any) -> None:
        self._attempt = _TRYING

    def _on_socket_open(self, _: paho.Client, __: Any, ___: Any) -> None:
        self._attempt, self._opened = _OPEN, time.monotonic()

    def _on_connect(self, _: paho.Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        if reason.is_failure:
            self._attempt = _NONE
            self._link.failed(f"refused: {reason}", f"the broker refuses us: {reason}")
            return
        self._attempt = _UP
        self._link.up()
        # Its acknowledgement comes behind all that paho sends again: only then go newer arrays.
        # If an earlier one was never acknowledged, it is that which paho sends again.
        if self._online not in self._statuses:
            self._online = self._hand_over(
                self._status_topic, b"online", _STATUS_QOS, self._statuses
            )

    def _on_connect_fail(self, _: paho.Client, __: Any) -> None:
        self._link.failed(*failure())

    def _on_disconnect(self, _: paho.Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        # paho may call twice for one end.
        attempt, self._attempt = self._attempt, _NONE
        with self._guard:
            self._ready = False
            if self._config.qos == 0:
                self._arrays.clear()  # what QoS 0 had under way is lost without a word
        if self._closing:
            self._disconnected.set()
        elif attempt == _UP:
            self._link.lost(f"the connection is lost ({reason})")
        elif attempt == _OPEN:
            self._link.failed(MUTE, f"takes the connection, but does not speak MQTT ({reason})")

    def _on_publish(self, _: paho.Client, __: Any, mid: int, ___: Any, ____: Any) -> None:
        with self._guard:
            for ids in (self._arrays, self._statuses):
                if mid in ids:
                    ids.remove(mid)
                    break
            else:
                self._early.add(mid)
            if mid == self._online:
                self._ready = True
        self._send()
        if not self._waiting:
            self._tell_dropped()

    def _look_at_the_connection(self) -> None:
        self._link.held()
        if self._attempt == _OPEN and time.monotonic() - self._opened > _MUTE_S:
            self._link.failed(MUTE, "takes the connection, but does not answer")

    def _tell_dropped(self) -> None:
        with self._guard:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            log.warning(
                "%s: dropped %d arrays, the oldest, that the broker did not take in time",
                *(self._link.name, dropped),
            )
