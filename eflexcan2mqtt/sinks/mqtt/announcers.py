"""Several announcers as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...protocol.reading import Reading
from ..message import Announcer, Message


class Announcers(Announcer):
    """Asks each in turn; a message goes to those that listen to its topic."""

    def __init__(self, every: tuple[Announcer, ...]) -> None:
        self._every = every

    @property
    def topics(self) -> tuple[str, ...]:  # type: ignore[override]
        """What any of them listens to, once."""
        return tuple(dict.fromkeys(topic for each in self._every for topic in each.topics))

    def health(self) -> dict[str, Any]:
        """What all say of themselves."""
        return {key: value for each in self._every for key, value in each.health().items()}

    def tick(self, now: float) -> None:
        for each in self._every:
            each.tick(now)

    def connected(self) -> None:
        for each in self._every:
            each.connected()

    def subscribed(self, topic: str, now: float) -> None:
        for each in self._listening(topic):
            each.subscribed(topic, now)

    def received(self, message: Message) -> None:
        for each in self._listening(message.topic):
            each.received(message)

    def due(self, cycle: list[Reading], now: float) -> Iterator[Message]:
        for each in self._every:
            yield from each.due(cycle, now)

    def states(self, cycle: list[Reading], now: float) -> Iterator[Message]:
        for each in self._every:
            yield from each.states(cycle, now)

    def answered(self, message: Message, *, taken: bool) -> None:
        for each in self._every:
            each.answered(message, taken=taken)

    def stop(self) -> None:
        for each in self._every:
            each.stop()

    def close(self) -> None:
        for each in self._every:
            each.close()

    def _listening(self, topic: str) -> list[Announcer]:
        return [each for each in self._every if topic in each.topics]
