"""Connecting, for all who talk to a broker: the daemon, ``--check`` and ``--forget``."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...settings.schema import Mqtt
from ..message import Message
from .connection import NO_ANSWER, Connection, Version, packet_size
from .happenings import LOST, MUTE, Accepted, Acknowledged, BrokerError, Ended, Received
from .terms import Negotiation, Terms

_STEP_S = 0.5


def connect(
    config: Mqtt,
    client_id: str,
    will: Message | None,
    version: Version,
    report: Callable[[Connection | BrokerError], None],
) -> None:
    """Open a connection in a thread of its own, and ``report`` it or what is wrong.

    A name lookup may take minutes, and nothing can interrupt it.
    """

    def attempt() -> None:
        connection = Connection(config, client_id, will, version)
        try:
            connection.open()
        except BrokerError as error:
            report(error)
        else:
            report(connection)

    threading.Thread(target=attempt, name="connecting", daemon=True).start()


ANSWER_S = 5.0


class DeniedError(BrokerError):
    """The broker refuses a message or a subscription; the connection holds."""

    def __init__(self, text: str) -> None:
        super().__init__("denied", text)


class Conversation:
    """A short connection under an id of our own, with a time limit for all of it.

    The daemon's id would end the daemon's connection.  ``accepted`` is what the broker said when
    it let us in, ``terms`` what holds in the connection, ``received`` what has come on the topics
    that were subscribed to.  Every method raises BrokerError when the connection ends.
    """

    accepted: Accepted

    def __init__(self, connection: Connection, terms: Terms, deadline: float) -> None:
        self.received: list[Received] = []
        self._connection = connection
        self._deadline = deadline
        self._answers: dict[int, str | None] = {}  # by message id: why it was refused, if it was
        if not self.wait_until(lambda: hasattr(self, "accepted"), ANSWER_S):
            raise BrokerError(MUTE, NO_ANSWER)
        self.terms = terms.within(self.accepted)

    def deliver(self, messages: list[Message]) -> None:
        """Send messages and wait until the broker has acknowledged them.

        Raises DeniedError if it refuses one, or has said that it would.
        """
        limit = self.accepted.maximum_packet_size
        if limit and any(packet_size(message) > limit for message in messages):
            raise DeniedError(f"takes packets of {limit} bytes at most")
        self._expect(
            {
                self._connection.publish(message): f"refuses messages on '{message.topic}'"
                for message in messages
            }
        )

    def subscribe(self, *topics: str) -> None:
        """Ask for the messages on topics, first for those that the broker has kept.

        Raises DeniedError if it refuses one.
        """
        self._expect(
            {
                self._connection.subscribe(topic): f"refuses to send messages on '{topic}'"
                for topic in topics
            }
        )

    def wait_until(self, condition: Callable[[], bool], seconds: float = math.inf) -> bool:
        """Listen until it holds; whether it does before the time is up."""
        until = min(time.monotonic() + seconds, self._deadline)
        while not condition():
            left = until - time.monotonic()
            if left <= 0:
                return False
            for event in self._connection.wait(min(left, _STEP_S)):
                match event:
                    case Accepted():
                        self.accepted = event
                    case Acknowledged(message_id, refused):
                        self._answers[message_id] = refused
                    case Received():
                        self.received.append(event)
                    case Ended(error):
                        raise error
        return True

    def _expect(self, refusals: dict[int, str]) -> None:
        """Wait for the answer to each id; ``refusals`` says what it means if one is refused."""
        if not self.wait_until(lambda: refusals.keys() <= self._answers.keys()):
            raise BrokerError(LOST, "acknowledges nothing")
        for message_id, refusal in refusals.items():
            if reason := self._answers[message_id]:
                raise DeniedError(f"{refusal}: {reason}")


@contextmanager
def conversation(
    config: Mqtt, purpose: str, timeout_s: float, will: Message | None = None
) -> Iterator[Conversation]:
    """A connection that the broker has accepted; raises BrokerError.

    With a ``will`` it ends without a goodbye, so that the broker publishes the will.
    """
    deadline = time.monotonic() + timeout_s
    negotiation = Negotiation(config)
    while True:
        terms = negotiation.offer()
        limited = terms.limit(will) if will else None
        connection = _opened(config, f"{config.client_id}-{purpose}", limited, terms, deadline)
        try:
            spoken = Conversation(connection, terms, deadline)
            break
        except BrokerError as error:
            connection.close()
            if not negotiation.refused(error):
                raise
    try:
        yield spoken
        if not will:
            connection.leave()
            connection.wait(_STEP_S)
    finally:
        connection.close()


def _opened(
    config: Mqtt, client_id: str, will: Message | None, terms: Terms, deadline: float
) -> Connection:
    reports = queue.SimpleQueue[Connection | BrokerError]()
    connect(config, client_id, will, terms.version, reports.put)
    try:
        match reports.get(timeout=max(deadline - time.monotonic(), 0.0)):
            case BrokerError() as error:
                raise error
            case Connection() as connection:
                return connection
    except queue.Empty:
        raise BrokerError(LOST, "does not answer") from None
