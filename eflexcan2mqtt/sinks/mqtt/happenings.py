"""What happens on a connection to the broker, as values. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

DNS, TLS, REFUSED, MUTE, CLOSED, LOST = "dns", "tls", "refused", "mute", "closed", "lost"
"""The kinds of failures."""


class BrokerError(Exception):
    """The broker cannot be used: its text says why, ``kind`` tells causes apart.

    ``reason`` is the reason code of MQTT 5 where the broker gave one.
    """

    def __init__(self, kind: str, text: str, reason: int | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True)
class Accepted:
    """The broker has accepted us.

    ``version`` is 5, or 4 for MQTT 3.1.1, as in CONNECT.  The others are what the broker can do,
    which it says with MQTT 5 only: how many of our messages may be unacknowledged, the largest
    packet in bytes (None: any), the highest QoS, and whether it keeps retained messages.
    """

    version: int
    receive_maximum: int = 65_535
    maximum_packet_size: int | None = None
    maximum_qos: int = 2
    retain_available: bool = True


@dataclass(frozen=True)
class Acknowledged:
    """A message has arrived; with QoS 0, has been written to the network.

    Or the broker has refused it, as it can with MQTT 5 only: ``refused`` is why.  The same for a
    subscription, which any broker can refuse.
    """

    message_id: int
    refused: str | None = None


@dataclass(frozen=True)
class Received:
    """A message on a topic that was subscribed to."""

    topic: str
    payload: bytes
    retained: bool = False
    """Whether the broker had kept it, and sends it because we have just subscribed."""


@dataclass(frozen=True)
class Ended:
    """The connection has ended, and why; always the last event.

    ``closed`` is whether it was closed from outside, rather than given up for its silence.
    """

    error: BrokerError
    closed: bool


Happening: TypeAlias = Accepted | Acknowledged | Received | Ended
