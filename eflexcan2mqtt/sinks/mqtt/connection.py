"""One connection to the broker, from CONNECT to its end, through paho-mqtt.

Calls in, events out.  The thread that owns a connection drives it by ``wait``; paho's
callbacks only note events, so that no error can hide in one.  A connection that has ended is
not used again: nothing that was under way in it is sent behind our back.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
from dataclasses import dataclass
from typing import Any, TypeAlias

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ...settings import tls
from ...settings.schema import Mqtt
from ..message import Message

log = logging.getLogger(__name__)

DNS, TLS, REFUSED, MUTE, LOST = "dns", "tls", "refused", "mute", "lost"
"""The kinds of failures."""

NO_ANSWER = "accepts the connection but does not answer"
NO_MQTT = "accepts the connection but does not speak MQTT"


class BrokerError(Exception):
    """The broker cannot be used: its text says why, ``kind`` tells causes apart."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True)
class Accepted:
    """The broker has accepted us."""


@dataclass(frozen=True)
class Acknowledged:
    """A message has arrived; with QoS 0, has been written to the network."""

    message_id: int


@dataclass(frozen=True)
class Received:
    """A message on a topic that was subscribed to."""

    topic: str
    payload: bytes


@dataclass(frozen=True)
class Ended:
    """The connection has ended, and why; always the last event.

    ``closed`` is whether it was closed from outside, rather than given up for its silence.
    """

    error: BrokerError
    closed: bool


Happening: TypeAlias = Accepted | Acknowledged | Received | Ended


class Connection:
    """A connection to the broker of ``config``; ``will`` is the last will."""

    def __init__(self, config: Mqtt, client_id: str, will: Message | None = None) -> None:
        self._config = config
        self._happened: list[Happening] = []
        self._accepted = False
        self._refusal: BrokerError | None = None
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, reconnect_on_failure=False
        )
        if config.username:
            client.username_pw_set(config.username, config.password or None)
        if will:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        # paho's mode for a loop of ours: publish() never writes by itself, so that no
        # acknowledgement can come before we know the message's id.
        client.on_socket_register_write = lambda *_: None
        client.on_log = lambda _, __, ___, text: log.debug("%s", text)

    def open(self) -> None:
        """Connect; blocks for name lookups, TCP and TLS, and raises BrokerError."""
        config = self._config
        try:
            if config.tls:
                # Made each time: certificates are renewed while we run.
                context = tls.context(config.tls_ca, config.tls_cert, config.tls_key)
                self._client.tls_set_context(context)
                self._client.tls_insecure_set(config.tls_insecure)
            self._client.connect(config.hostname, config.port, config.keepalive)
        except (OSError, UnicodeError) as error:
            raise _in_words(error) from None

    def publish(self, message: Message) -> int:
        """Send a message; return its id, for ``Acknowledged``."""
        return self._client.publish(*message[:4]).mid

    def subscribe(self, topic: str) -> None:
        """Ask for the messages on a topic."""
        self._client.subscribe(topic, qos=1)

    def wait(self, timeout_s: float, *others: socket.socket) -> list[Happening]:
        """Wait for the broker, or until one of the other sockets has something to read.

        Does what there is to do for the connection; returns what has happened.
        """
        connected = self._client.socket()
        if connected is not None:
            writers = [connected] if self._client.want_write() else []
            # What TLS has read ahead does not wake us; it is read to its end below.
            readable, writable, _ = select.select([connected, *others], writers, [], timeout_s)
            if connected in readable:
                self._read()
            if writable:
                self._client.loop_write()
            closed = self._client.socket() is None
            self._client.loop_misc()
            if self._client.socket() is None:
                self._happened.append(Ended(self._why(closed), closed))
        happened, self._happened = self._happened, []
        return happened

    def leave(self) -> None:
        """Say goodbye, which revokes the last will; ``wait`` until it has ended."""
        self._client.disconnect()

    def close(self) -> None:
        """End it at once; the broker then publishes the last will."""
        connected = self._client.socket()
        if connected is not None:
            connected.close()

    def _read(self) -> None:
        self._client.loop_read()
        while getattr(self._client.socket(), "pending", int)():
            self._client.loop_read()

    def _why(self, closed: bool) -> BrokerError:
        if self._refusal:
            return self._refusal
        if not self._accepted:
            return BrokerError(MUTE, NO_MQTT if closed else NO_ANSWER)
        silence = "" if closed else f" (no answer for {self._config.keepalive} s)"
        return BrokerError(LOST, f"the connection is lost{silence}")

    def _on_connect(self, _: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        if reason.is_failure:
            self._refusal = BrokerError(f"{REFUSED}: {reason}", f"the broker refuses us: {reason}")
        else:
            self._accepted = True
            self._happened.append(Accepted())

    def _on_publish(self, _: Any, __: Any, message_id: int, ___: Any, ____: Any) -> None:
        self._happened.append(Acknowledged(message_id))

    def _on_message(self, _: Any, __: Any, message: paho.MQTTMessage) -> None:
        self._happened.append(Received(message.topic, bytes(message.payload)))


def _in_words(error: Exception) -> BrokerError:
    match error:
        case socket.gaierror():
            return BrokerError(DNS, f"cannot find this host ({error.strerror})")
        case ssl.SSLError():
            problem = getattr(error, "verify_message", "") or error
            return BrokerError(TLS, f"no secure connection: {problem}")
        case TimeoutError():
            return BrokerError(LOST, "does not answer")
    return BrokerError(LOST, getattr(error, "strerror", None) or str(error) or "cannot connect")
