"""Arrays out to one MQTT topic, over one lasting broker connection.

paho's network thread connects, reconnects and sends; what the broker has not yet
acknowledged is kept in the outbox.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode

from ...protocol.array import array_of
from ...protocol.reading import Reading
from ...settings.schema import Mqtt
from ..json_lines import to_json
from .client import failure, make_client
from .link import MUTE, Link
from .outbox import Outbox, Parcel

if TYPE_CHECKING:
    from ..homeassistant.discovery import Discovery
    from .spool import Spool

log = logging.getLogger(__name__)

WAITING = 1000
"""Arrays kept in memory without a spool: a quarter of an hour of a bank."""

_AHEAD = 50
"""As many as a fast broker takes while we sleep: a log need not be in memory."""

# paho sends all that it holds at once after a reconnect, and with more than
# twenty some of them twice.
IN_FLIGHT = 20

OVERDUE_S = 1.0
"""An array that the broker has not acknowledged by then is kept on disk, if there is a spool."""

_STATUS_QOS = 1
_STATE_QOS = 0  # the next one comes in a second
_STATES_UNSENT = 100
_NONE, _TRYING, _OPEN, _UP = "none", "trying", "open", "up"  # how far a connection has come
_MUTE_S = 10.0
_POLL_S = 0.02


class MqttSink:
    """Publishes arrays; never waits for the broker and never raises for anything it does.

    ``<topic>/status``, retained, is ``online`` while connected, else ``offline``.  With
    ``discovery``, Home Assistant hears of the batteries, too, while the broker is there.
    """

    def __init__(
        self,
        config: Mqtt,
        spool: Spool | None = None,
        waiting: int = WAITING,
        discovery: Discovery | None = None,
    ) -> None:
        self._config = config
        self._array_of = array_of(config.fields)
        self._link = Link(f"{config.hostname}:{config.port}", config.client_id)
        self._status_topic = f"{config.topic}/status"
        self._outbox = Outbox(spool, waiting, IN_FLIGHT)
        self.connections = 0  # that the broker has accepted, all in all
        self._discovery = discovery
        self._latest: list[Reading] = []
        self._tell_again = False
        self._guard = threading.Lock()  # of the next four; never held while in paho
        self._numbers: dict[int, int] = {}  # of the parcels in flight, by message id
        self._statuses: set[int] = set()  # message ids, also of configurations
        self._states: set[int] = set()  # message ids of states that are not yet on the wire
        self._early: set[int] = set()  # acknowledged before publish() told their id
        self._ready = False
        self._sending = threading.Lock()
        self._attempt = _NONE
        self._opened = 0.0
        self._online: int | None = None
        self._thread: threading.Thread | None = None
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
        client.on_message = self._on_message

    def start(self) -> None:
        """Begin to connect, broker or not."""
        before = set(threading.enumerate())
        self._client.connect_async(self._config.hostname, self._config.port, self._config.keepalive)
        self._client.loop_start()
        self._thread = next(iter(set(threading.enumerate()) - before), None)

    def publish(self, cycle: list[Reading]) -> None:
        """Send an array, or keep it until it can be sent."""
        self._outbox.put(to_json(self._array_of(cycle)).encode())
        self._latest = cycle
        self.tick()
        if self._discovery and self._ready and len(self._states) < _STATES_UNSENT:
            for topic, payload in self._discovery.states(cycle):
                self._hand_over(topic, payload, _STATE_QOS)

    def tick(self) -> None:
        """Look after what time alone brings; to be called about once a second."""
        self._link.held()
        if self._attempt == _OPEN and time.monotonic() - self._opened > _MUTE_S:
            self._link.failed(MUTE, "takes the connection, but does not answer")
        if not self._ready or self._outbox.overdue(OVERDUE_S):
            self._outbox.spill()
        self._send()
        if self._discovery and self._ready and self._latest:
            self._configure(self._discovery)

    def alive(self) -> bool:
        """Whether paho's network thread is; without it every publish would succeed for ever."""
        return self._thread is not None and self._thread.is_alive()

    def connection(self) -> str:
        """How the connection is: ``connected`` or ``away``."""
        return "connected" if self._attempt == _UP else "away"

    def wait_for_room(self) -> None:
        """Wait until few arrays wait, so that one more drops none; for sources that can wait."""
        while self._outbox.waiting() >= min(_AHEAD, self._outbox.room):
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
        said = False
        if self._attempt == _UP:
            offline = self._hand_over(self._status_topic, b"offline", _STATUS_QOS, retain=True)
            while offline in self._statuses and time.monotonic() < deadline:
                time.sleep(_POLL_S)
            said = offline not in self._statuses
        connection = self._client.socket()
        if not said and isinstance(connection, socket.socket):
            # MQTT's own farewell would suppress the last will, which must now speak for us.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        connected = self._client.is_connected()
        self._client.disconnect()
        if connected:
            self._disconnected.wait(max(0.0, deadline - time.monotonic()))
        if left := self.undelivered():
            lost = self._outbox.close()
            fate = "not delivered" if lost else "kept on disk"
            log.warning("%s: %s: %d arrays", self._link.name, fate, lost or left)
        self._tell_dropped()
        # paho's thread is not joined: it may be deep in a name lookup, and is a daemon.

    def undelivered(self) -> int:
        """How many arrays the broker has not acknowledged."""
        return self._outbox.undelivered()

    def _send(self) -> None:
        """Hand arrays to paho while there is room in flight.

        Called by both threads.  Who finds the other one at it goes: that one looks again
        behind each array, and waiting here could be waiting for each other, since paho calls
        back with its own lock held.
        """
        sent = True
        while sent and self._ready and self._outbox.can_send():
            if not self._sending.acquire(blocking=False):
                return
            try:
                parcel = self._outbox.next()
                # None: the other thread has just taken it, and may have left us the next.
                sent = parcel is None or self._send_one(parcel)
            finally:
                self._sending.release()

    def _configure(self, discovery: Discovery) -> None:
        """Tell Home Assistant what is new to it, once that of the last time has arrived."""
        if self._statuses:
            return
        if self._tell_again:
            self._tell_again = False
            discovery.again()
        for topic, payload in discovery.untold(self._latest):
            if self._hand_over(topic, payload, _STATUS_QOS, retain=True) is None:
                self._tell_again = True
                return

    def _send_one(self, parcel: Parcel) -> bool:
        topic, qos = self._config.topic, self._config.qos
        if self._hand_over(topic, parcel.payload, qos, parcel=parcel) is None:
            self._ready = False
            self._outbox.back(parcel)
            return False
        return True

    def _hand_over(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        retain: bool = False,
        parcel: Parcel | None = None,
    ) -> int | None:
        """Give paho a parcel, or something else; it is remembered until it is acknowledged.

        Returns its message id, or None if paho did not take it.
        """
        info = self._client.publish(topic, payload, qos, retain)
        # Without a connection paho says so, but keeps what is not QoS 0 and sends it later.
        kept = info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN and qos > 0
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS and not kept:
            return None
        with self._guard:
            early = info.mid in self._early
            self._early.discard(info.mid)
            if not early and parcel:
                self._numbers[info.mid] = parcel.number
            elif not early:
                (self._statuses if qos else self._states).add(info.mid)
        if early and parcel:
            self._outbox.arrived(parcel.number)
        return info.mid

    def _on_pre_connect(self, _: paho.Client, __: Any) -> None:
        self._attempt = _TRYING
        with self._guard:
            self._states.clear()  # as paho has just done

    def _on_socket_open(self, _: paho.Client, __: Any, ___: Any) -> None:
        self._attempt, self._opened = _OPEN, time.monotonic()

    def _on_connect(self, _: paho.Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        if reason.is_failure:
            self._attempt = _NONE
            self._link.failed(f"refused: {reason}", f"the broker refuses us: {reason}")
            return
        # Its acknowledgement comes behind all that paho sends again: only then go newer arrays.
        # If an earlier one was never acknowledged, it is that which paho sends again.
        if self._online not in self._statuses:
            self._online = self._hand_over(self._status_topic, b"online", _STATUS_QOS, retain=True)
        if self._discovery:
            self._tell_again = True
            self._client.subscribe(self._discovery.status_topic, _STATUS_QOS)
        self.connections += 1
        self._attempt = _UP  # from here on `offline` would come behind it
        self._link.up()

    def _on_connect_fail(self, _: paho.Client, __: Any) -> None:
        self._link.failed(*failure())

    def _on_disconnect(self, _: paho.Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        # paho may call twice for one end.
        attempt, self._attempt = self._attempt, _NONE
        self._ready = False
        if self._config.qos == 0:
            with self._guard:
                self._numbers.clear()
            self._outbox.lost()
        self._outbox.spill()
        if self._closing:
            self._disconnected.set()
        elif attempt == _UP:
            self._link.lost(f"the connection is lost ({reason})")
        elif attempt == _OPEN:
            self._link.failed(MUTE, f"takes the connection, but does not speak MQTT ({reason})")

    def _on_publish(self, _: paho.Client, __: Any, mid: int, ___: Any, ____: Any) -> None:
        with self._guard:
            number = self._numbers.pop(mid, None)
            known = number is not None or mid in self._statuses or mid in self._states
            if not known:
                self._early.add(mid)
            self._statuses.discard(mid)
            self._states.discard(mid)
        if number is not None:
            self._outbox.arrived(number)
        if mid == self._online:
            self._ready = True
        self._send()
        if not self._outbox.waiting():
            self._tell_dropped()

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        if message.payload == b"online":  # Home Assistant, which has just started
            self._tell_again = True

    def _tell_dropped(self) -> None:
        if dropped := self._outbox.take_dropped():
            log.warning(
                "%s: dropped %d arrays, the oldest, that the broker did not take in time",
                *(self._link.name, dropped),
            )
