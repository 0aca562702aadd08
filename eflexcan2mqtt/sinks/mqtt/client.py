"""paho's client, and why a broker refuses a message, which paho does not show.

With MQTT 5 a broker refuses a message by a reason code in PUBACK, PUBREC or PUBCOMP.  paho
drops that of a PUBREC, sends PUBREL and reports success; and it ends the connection over a code
that the standard does not list for the packet, as mosquitto's 0x95 for message_size_limit.
"""

from __future__ import annotations

import struct
from typing import Any, Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes

_REPLIES = {PacketTypes.PUBACK << 4, PacketTypes.PUBREC << 4, PacketTypes.PUBCOMP << 4}
_FAILURE = 0x80

TOO_LARGE = "Packet too large"
NOT_AUTHORIZED = "Not authorized"
QUOTA_EXCEEDED = "Quota exceeded"

_REASONS = {
    0x80: "Unspecified error",
    0x83: "Implementation specific error",
    0x87: NOT_AUTHORIZED,
    0x90: "Topic name invalid",
    0x91: "Packet identifier in use",
    0x92: "Packet identifier not found",
    0x93: "Receive maximum exceeded",
    0x95: TOO_LARGE,
    0x96: "Message rate too high",
    0x97: QUOTA_EXCEEDED,
    0x99: "Payload format invalid",
    0x9A: "Retain not supported",
    0x9B: "QoS not supported",
}


class Client(paho.Client):
    """One connection's client; ``on_publish`` finds in ``refusals`` why a message was refused.

    A refused message is at its end, as the standard says: no PUBREL follows.
    """

    def __init__(
        self,
        client_id: str,
        version: MQTTProtocolVersion,
        transport: Literal["tcp", "websockets"] = "tcp",
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            transport=transport,
            protocol=version,
            reconnect_on_failure=False,
        )
        self.refusals: dict[int, str] = {}  # by message id
        self._opening: Any = None  # the latest socket

    def connect(self, *where: Any, **terms: Any) -> MQTTErrorCode:
        """As paho's, which takes a web server's answer to be text, and to hold ": ", and leaves
        the socket open that it gets such an answer from."""
        try:
            return super().connect(*where, **terms)
        except (OSError, UnicodeError, IndexError) as error:
            if self._opening:
                self._opening.close()
            if isinstance(error, UnicodeDecodeError | IndexError):
                raise paho.WebsocketConnectionError(str(error)) from None
            raise

    def _create_socket_connection(self) -> Any:
        self._opening = super()._create_socket_connection()
        return self._opening

    def _ssl_wrap_socket(self, tcp_sock: Any) -> Any:
        self._opening = super()._ssl_wrap_socket(tcp_sock)
        return self._opening

    def _packet_handle(self) -> Any:
        packet = self._in_packet
        kind, body = packet["command"] & 0xF0, packet["packet"]
        if self.protocol == paho.MQTTv5 and kind in _REPLIES and body[2:] and body[2] >= _FAILURE:
            [message_id] = struct.unpack_from("!H", body)
            self.refusals[message_id] = _REASONS.get(body[2], f"reason code 0x{body[2]:02x}")
            packet["command"] = PacketTypes.PUBACK << 4
            packet["packet"], packet["remaining_length"] = body[:2], 2
        if kind == PacketTypes.DISCONNECT << 4 and body:
            # paho 2.1 overlooks the reason code of a shorter one.
            packet["remaining_length"] = max(len(body), 3)
        return super()._packet_handle()
