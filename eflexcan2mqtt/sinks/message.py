"""What goes to the broker, and who else may have something for it. No MQTT client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from ..protocol.reading import Reading


class Message(NamedTuple):
    """A message for the broker.

    ``keep`` is whether it matters that it arrives: one that is not kept is dropped while the
    connection is slower than the messages.
    """

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    keep: bool = True


class Announcer(Protocol):
    """Describes the batteries to another program that uses the same broker.

    A message ``online`` on its ``status_topic`` means that this program has started and wants
    all descriptions again.  Called by the broker's owner only.
    """

    status_topic: str

    def repeat(self) -> None:
        """Make every description due again."""

    def due(self, cycle: list[Reading]) -> Iterable[Message]:
        """The descriptions that are new or have changed with this cycle."""

    def states(self, cycle: list[Reading]) -> Iterable[Message]:
        """The values of a cycle."""
