"""What outlives a connection to the broker."""

from __future__ import annotations

import math
from typing import NamedTuple

from ...protocol.reading import Reading
from ...settings.schema import Mqtt
from ..message import Message
from .announcers import Announcers
from .caution import Caution
from .outage import OutageLog
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
    """Belongs to the broker's owner, as does every connection."""

    config: Mqtt
    outbox: Outbox
    caution: Caution
    outage: OutageLog
    announcers: Announcers
    negotiation: Negotiation
    refusals: Refusals


def status(config: Mqtt, word: bytes) -> Message:
    """The retained message that says whether we are there."""
    return Message(f"{config.topic}/status", word, qos=1, retain=True)
