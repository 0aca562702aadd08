"""The status as readers see it in; `online` once more, where it says otherwise while we are there.

The brokers of a list may be a cluster, or joined by a bridge.  Then the last will of a connection
that was left can come behind the `online` of the next.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...protocol.reading import Reading
from ..message import Announcer, Message


class Presence(Announcer):
    """Repeats ``online`` after each ``offline`` that is not ours."""

    def __init__(self, online: Message, offline: Message) -> None:
        self.topics = (online.topic,)
        self._online = online
        self._offline = offline
        self._wrong = False

    def connected(self) -> None:
        self._wrong = False

    def received(self, message: Message) -> None:
        self._wrong = message.payload == self._offline.payload

    def due(self, cycle: list[Reading], now: float) -> Iterator[Message]:
        """Nothing, as a rule."""
        if self._wrong:
            yield self._online
            self._wrong = False
