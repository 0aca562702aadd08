"""Connecting, for all who talk to a broker: the daemon, ``--check`` and ``--forget``."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...settings.schema import Mqtt
from ..message import Message
from .connection import (
    LOST,
    MUTE,
    NO_ANSWER,
    Accepted,
    Acknowledged,
    BrokerError,
    Connection,
    Ended,
    Version,
)
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


class Conversation:
    """A short connection under an id of our own, with a time limit for all of it.

    The daemon's id would end the daemon's connection.  ``accepted`` is what the broker said when
    it let us in.
    """

    accepted: Accepted

    def __init__(self, connection: Connection, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._acknowledged: set[int] = set()
        self._wait_until(lambda: hasattr(self, "accepted"), BrokerError(MUTE, NO_ANSWER))

    def deliver(self, messages: list[Message]) -> None:
        """Send messages and wait until the broker has acknowledged them."""
        sent = {self._connection.publish(message) for message in messages}
        unacknowledged = BrokerError(LOST, "acknowledges nothing")
        self._wait_until(lambda: sent <= self._acknowledged, unacknowledged)

    def _wait_until(self, condition: Callable[[], bool], otherwise: BrokerError) -> None:
        while not condition():
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise otherwise
            for event in self._connection.wait(min(left, _STEP_S)):
                match event:
                    case Accepted():
                        self.accepted = event
                    case Acknowledged(message_id):
                        self._acknowledged.add(message_id)
                    case Ended(error):
                        raise error


@contextmanager
def conversation(
    config: Mqtt, purpose: str, timeout_s: float, will: Message | None = None
) -> Iterator[Conversation]:
    """A connection that the broker has accepted; raises BrokerError."""
    deadline = time.monotonic() + timeout_s
    negotiation = Negotiation(config)
    while True:
        terms = negotiation.offer()
        limited = terms.limit(will) if will else None
        connection = _opened(config, f"{config.client_id}-{purpose}", limited, terms, deadline)
        try:
            spoken = Conversation(connection, deadline)
            break
        except BrokerError as error:
            connection.close()
            if not negotiation.refused(error):
                raise
    try:
        yield spoken
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
