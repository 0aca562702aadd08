"""What outlives a connection to the broker."""

from __future__ import annotations

import math
from typing import NamedTuple

from ...protocol.reading import Reading
from ...settings.schema import Mqtt
from ..message import Message
from .announcers import Announcers
from .caution import Caution
from .outage import Outage, OutageLog
from .outbox import Outbox
from .refusals import Refusals
from .terms import Negotiation

EMPTY = b"[]"
"""An array without batteries: a small message that a reader of arrays understands."""


class Latest(NamedTuple):
    """The latest cycle, its number from 1, and when it came by the monotonic clock."""

    number: int = 0
    cycle: list[Reading] = []  # noqa: RUF012 - nobody changes it
    at: float = -math.inf


class Shared(NamedTuple):
    """What the connections to one broker share; outbox and announcers are those of all brokers.

    Belongs to the broker's owner, as does every connection.  ``alone`` is whether there is no other
    broker.
    """

    config: Mqtt
    outbox: Outbox
    caution: Caution
    outage: OutageLog
    announcers: Announcers
    negotiation: Negotiation
    refusals: Refusals
    alone: bool = True


def shared_of(config: Mqtt, outbox: Outbox, announcers: Announcers) -> list[Shared]:
    """For each broker; what one does to an array is no evidence of what another would do."""
    outage, alone = Outage(), len(config.each) == 1
    return [
        Shared(
            each,
            outbox,
            Caution(),
            OutageLog(each.name, each.client_id, outage, alone=alone),
            announcers,
            Negotiation(each),
            Refusals(each),
            alone,
        )
        for each in config.each
    ]


def status(config: Mqtt, word: bytes) -> Message:
    """The retained message that says whether we are there."""
    return Message(f"{config.topic}/status", word, qos=1, retain=True)
