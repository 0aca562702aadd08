"""What goes to the broker, and who else may have something for it. No MQTT client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

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


class Announcer:
    """Has more for the broker than arrays, for other programs there.

    Called by the broker's owner only; ``now`` is its monotonic clock, in seconds.
    """

    topics: tuple[str, ...] = ()
    """What it listens to."""

    def health(self) -> dict[str, Any]:
        """What it says of itself, JSON-ready; any thread may ask."""
        return {}

    def tick(self, now: float) -> None:
        """Called about once a second, connected or not; may use the disk."""

    def connected(self) -> None:
        """The broker has accepted a connection: it may have forgotten everything."""

    def subscribed(self, topic: str, now: float) -> None:
        """The broker has taken or refused the subscription; what it keeps there is on its way."""

    def received(self, message: Message) -> None:
        """A message has come on one of the topics."""

    def due(self, cycle: list[Reading], now: float) -> Iterable[Message]:
        """What must arrive and is new since it was last asked; ``cycle`` is the latest, or empty.

        Asked at least once a second.  A message is out when the next one is asked for.
        """
        return ()

    def states(self, cycle: list[Reading], now: float) -> Iterable[Message]:
        """What is to be said of a cycle; asked for each, after what is ``due``."""
        return ()

    def answered(self, message: Message, *, taken: bool) -> None:
        """The broker has acknowledged a message that was due, or does not take it."""

    def stop(self) -> None:
        """The program stops: what is due is asked for once more, if there is a connection."""

    def close(self) -> None:
        """Nothing is sent any more; may use the disk."""
