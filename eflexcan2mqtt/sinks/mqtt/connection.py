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
import struct
from typing import Any, TypeAlias

import paho.mqtt.client as paho
from paho.mqtt import MQTTException
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ...settings import tls
from ...settings.schema import Mqtt
from ..message import Message
from .client import Client
from .happenings import (
    CLOSED,
    DNS,
    LOST,
    MUTE,
    REFUSED,
    TLS,
    Accepted,
    Acknowledged,
    BrokerError,
    Ended,
    Happening,
    Received,
)
from .wording import CHECK_PORT, of_exception, of_reason

log = logging.getLogger(__name__)

Version: TypeAlias = MQTTProtocolVersion
V5, V311 = Version.MQTTv5, Version.MQTTv311
"""The versions of MQTT."""

LARGEST = 65_536
"""With MQTT 5, the broker sends us no larger packet: all that we read is a word."""

NO_ANSWER = f"accepts the connection but does not answer; {CHECK_PORT}"
NO_MQTT = "accepts the connection but does not speak MQTT"

_DAMAGE = (MQTTException, struct.error, LookupError, ValueError)
"""What paho raises over a packet that it cannot read; for most it returns a code."""


class Connection:
    """A connection to the broker of ``config``; ``will`` is the last will."""

    def __init__(
        self, config: Mqtt, client_id: str, will: Message | None = None, version: Version = V5
    ) -> None:
        self._config = config
        self._happened: list[Happening] = []
        self._accepted = self._damaged = False
        self._refusal: BrokerError | None = None
        self._client = client = Client(client_id, version, config.transport)
        client.ws_set_options(config.path)
        if config.username:
            client.username_pw_set(config.username, config.password or None)
        if will:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
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
            terms: dict[str, Any] = {}
            if self._client.protocol == V5:
                properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                properties.MaximumPacketSize = LARGEST
                terms = {"clean_start": True, "properties": properties}
            [broker] = config.brokers
            self._client.connect(broker.host, broker.port, config.keepalive, **terms)
        except (OSError, UnicodeError) as error:
            raise BrokerError(_kind(error), of_exception(error)) from None

    def publish(self, message: Message) -> int:
        """Send a message; return its id, for ``Acknowledged``."""
        return self._client.publish(*message[:4]).mid

    def subscribe(self, topic: str) -> int:
        """Ask for the messages on a topic; return an id, for ``Acknowledged``."""
        _, message_id = self._client.subscribe(topic, qos=1)
        return message_id or 0  # none if the connection has ended

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
            closed = self._damaged or self._client.socket() is None
            self._client.loop_misc()
            if self._damaged or self._client.socket() is None:
                self._happened.append(Ended(self._why(closed), closed and not self._damaged))
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
        try:
            code = self._client.loop_read()
            while getattr(self._client.socket(), "pending", int)():
                code = self._client.loop_read()
        except _DAMAGE as error:
            log.debug("a packet of the broker cannot be read: %r", error)
            code = MQTTErrorCode.MQTT_ERR_PROTOCOL
        self._damaged = code == MQTTErrorCode.MQTT_ERR_PROTOCOL

    def _why(self, closed: bool) -> BrokerError:
        if self._refusal:
            return self._refusal
        if not self._accepted:
            version = self._config.version
            hint = f"; {CHECK_PORT}" if version == "auto" else f" {version}"
            no_mqtt = BrokerError(CLOSED, NO_MQTT + hint)
            return no_mqtt if closed else BrokerError(MUTE, NO_ANSWER)
        if self._damaged:
            return BrokerError(MUTE, f"{NO_MQTT}; {CHECK_PORT}")
        silence = "" if closed else f" (no answer for {self._client.keepalive} s)"
        return BrokerError(LOST, f"the connection is lost{silence}")

    def _on_connect(self, _: Any, __: Any, ___: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._refuse("the broker refuses us", reason)
            return
        self._accepted = True
        can = properties.json()
        accepted = Accepted(
            self._client.protocol,
            can.get("ReceiveMaximum", Accepted.receive_maximum),
            can.get("MaximumPacketSize"),
            can.get("MaximumQoS", Accepted.maximum_qos),
            bool(can.get("RetainAvailable", Accepted.retain_available)),
        )
        self._happened.append(accepted)

    def _on_disconnect(self, _: Any, __: Any, flags: Any, reason: Any, ____: Any) -> None:
        if flags.is_disconnect_packet_from_server and reason.is_failure:
            self._refuse("the broker ends the connection", reason)

    def _refuse(self, what: str, reason: Any) -> None:
        text = f"{what}: {of_reason(reason)}"
        self._refusal = BrokerError(f"{REFUSED}: {reason}", text, reason.value)

    def _on_publish(self, _: Any, __: Any, message_id: int, ___: Any, ____: Any) -> None:
        refused = self._client.refusals.pop(message_id, None)
        self._happened.append(Acknowledged(message_id, refused))

    def _on_message(self, _: Any, __: Any, message: paho.MQTTMessage) -> None:
        self._happened.append(Received(message.topic, bytes(message.payload), message.retain))

    def _on_subscribe(self, _: Any, __: Any, message_id: int, reasons: Any, ____: Any) -> None:
        [reason] = reasons
        refused = of_reason(reason) if reason.is_failure else None
        self._happened.append(Acknowledged(message_id, refused))


def packet_size(message: Message) -> int:
    """How many bytes a message has as a packet of MQTT 5, which is what a broker counts."""
    size = 2 + len(message.topic.encode()) + (2 if message.qos else 0) + 1 + len(message.payload)
    return 1 + max(1, -(-size.bit_length() // 7)) + size


def _kind(error: Exception) -> str:
    match error:
        case socket.gaierror():
            return DNS
        case ssl.SSLError() | ConnectionResetError():
            return TLS
    return LOST
