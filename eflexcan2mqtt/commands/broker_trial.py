"""What the daemon would send in; how far it comes at the broker, and what comes back, out.

A broker acknowledges also what it discards.  So everything is sent on topics of the check's own
below ours, and read back: ``<topic>/check/<random>``, and ``/status`` below that.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from ..settings.schema import Mqtt
from ..sinks.message import Message
from ..sinks.mqtt.dialogue import Conversation, DeniedError, conversation
from ..sinks.mqtt.happenings import BrokerError
from ..sinks.mqtt.shared import EMPTY

ATTEMPT_S = 10.0
CLEAR_S = 4.0
READ_BACK_S = 4.0
"""What comes back at all comes sooner."""

SENDER = "check-2"

WILL, STATUS, SMALL, DONE = "the last will", "the status", "a small array", ""
"""Steps of an attempt; the others are large messages, by what they are."""


class AloneError(BrokerError):
    """The broker lets no second connection in beside the observer's."""


class OustedError(BrokerError):
    """A second connection has ended the observer's."""


@dataclass(frozen=True)
class Outcome:
    """How far an attempt came.

    ``step`` is the one that failed, or DONE, and ``error`` why; ``back`` are the steps whose
    message came back, and ``kept`` is whether the status is retained.
    """

    step: str
    error: BrokerError | None
    back: frozenset[str]
    kept: bool

    @property
    def denied(self) -> bool:
        """Whether it failed because the broker refused the message, and said so."""
        match self.error:
            case DeniedError():
                return True
        return False


class Trial:
    """Attempts on topics of their own; ``clear`` removes what they left, however they ended.

    ``large`` are messages by what they are, to be sent behind a small array.
    """

    def __init__(self, config: Mqtt, large: Mapping[str, bytes]) -> None:
        self._config = config
        self._large = large
        self._topic = f"{config.topic}/check/{secrets.token_hex(4)}"
        self._status = f"{self._topic}/status"
        self._retains = False

    def listen(self, observer: Conversation) -> None:
        """Let a conversation read back what is sent."""
        with suppress(DeniedError):  # then nothing comes back
            observer.subscribe(self._topic, self._status)

    def attempt(self, observer: Conversation, qos: int) -> Outcome:
        """Do as the daemon does, with this QoS.

        Raises AloneError or OustedError if that takes a connection too many.
        """
        messages = {
            WILL: Message(self._status, b"offline", retain=True),
            STATUS: Message(self._status, b"online", retain=True),
            SMALL: Message(self._topic, EMPTY, qos),
            **{what: Message(self._topic, payload, qos) for what, payload in self._large.items()},
        }

        def back() -> frozenset[str]:
            found = {(each.topic, each.payload) for each in observer.received}
            return frozenset(what for what, message in messages.items() if message[:2] in found)

        observer.received.clear()
        step, error = self._as_daemon(messages)
        if error and step == WILL and error.reason is None and not self._second():
            raise AloneError(error.kind, str(error))
        if step != WILL:
            try:
                observer.wait_until(lambda: back() == messages.keys(), READ_BACK_S)
            except BrokerError as ended:
                raise OustedError(ended.kind, str(ended)) from None
        kept = STATUS in back() and self._retains and self._is_kept(observer)
        return Outcome(step, error, back(), kept)

    def clear(self) -> None:
        """Remove the status from the broker.

        With the client id of the one that ended without a goodbye: the broker must end its session,
        and publish its last will, before it accepts us.
        """
        if self._retains:
            with suppress(BrokerError), conversation(self._config, SENDER, CLEAR_S) as cleaner:
                empty = Message(self._status, b"", retain=True)
                cleaner.deliver([cleaner.terms.limit(empty)])

    def _as_daemon(self, messages: Mapping[str, Message]) -> tuple[str, BrokerError | None]:
        """Connect, publish and end without a goodbye; return the step that failed, or DONE."""
        step = WILL
        self._retains = True  # before we know: a signal may come once the broker has the last will
        try:
            with conversation(self._config, SENDER, ATTEMPT_S, messages[WILL]) as sender:
                self._retains = sender.terms.retain
                for step, message in messages.items():
                    if step != WILL:
                        sender.deliver([sender.terms.limit(message)])
        except BrokerError as error:
            self._retains = self._retains and step != WILL
            return step, error
        return DONE, None

    def _second(self) -> bool:
        """Whether there can be a second connection, without a last will."""
        try:
            with conversation(self._config, SENDER, CLEAR_S):
                return True
        except BrokerError:
            return False

    def _is_kept(self, observer: Conversation) -> bool:
        observer.subscribe(self._status)
        return observer.wait_until(
            lambda: any(each.retained for each in observer.received), READ_BACK_S
        )
