"""How connections began and ended in; what the next one asks of the broker out.

A broker may know only an older MQTT, keep no retained messages, or take no QoS 2.  With MQTT 5
it says so.  Without, it only ends the connection: then the next one asks for less, and what
works is remembered for a day.
"""

from __future__ import annotations

import logging
import time
from typing import NamedTuple

from ...settings.schema import Mqtt
from ..message import Message
from .connection import V5, V311, Version
from .happenings import CLOSED, Accepted, BrokerError

log = logging.getLogger(__name__)

DAY_S = 86_400.0

CLOSINGS = 5
"""So often in a row a broker that has accepted such a connection may close one without a word,
as while it starts, before the next asks for less."""

BROKEN = 2
"""So many connections of MQTT 3.1.1 may end at an array before another QoS is tried."""

EXACTLY_ONCE = 2
"""The QoS that not every broker has."""

_UNSUPPORTED_VERSION, _RETAIN_NOT_SUPPORTED, _QOS_NOT_SUPPORTED = 0x84, 0x9A, 0x9B


class Terms(NamedTuple):
    """The version of MQTT, the highest QoS, and whether messages may be retained."""

    version: Version
    qos: int = EXACTLY_ONCE
    retain: bool = True

    def limit(self, message: Message) -> Message:
        """A message within these terms."""
        qos, retain = min(message.qos, self.qos), message.retain and self.retain
        return message._replace(qos=qos, retain=retain)

    def within(self, accepted: Accepted) -> Terms:
        """Within what the broker said when it accepted the connection, too."""
        qos, retain = accepted.maximum_qos, accepted.retain_available
        return self._replace(qos=min(self.qos, qos), retain=self.retain and retain)


class Negotiation:
    """With one broker, through all connections to it; ``current`` is what they ask for."""

    def __init__(self, config: Mqtt) -> None:
        self._name = config.name
        self._config = config
        self._auto = config.version == "auto"
        self._first = self.current = Terms(V311 if config.version == "3.1.1" else V5)
        self._until: float | None = None  # the time until which other terms are remembered
        self._proven = False  # whether a connection on these terms was accepted
        self._closings = 0
        self._guessed = False  # whether these terms follow from a connection that was closed
        self._asked_twice = False
        self._acknowledged = False  # whether an array was, with the QoS of the terms
        self._broken = 0
        self._logged: set[str] = set()

    def offer(self) -> Terms:
        """What the next connection asks for."""
        if self._until and time.monotonic() > self._until:
            self._ask(self._first)
        return self.current

    def accepted(self, accepted: Accepted) -> Terms | None:
        """A connection was accepted; return what holds in it.

        None if it is to be left again, to ask for everything once more: the broker may have
        closed the first one only because it was starting.
        """
        if self._guessed and not self._asked_twice:
            self._guessed, self._asked_twice = False, True
            self._ask(self._first)
            return None
        self._guessed = self._asked_twice = False
        self._proven, self._closings = True, 0
        if self.current != self._first and not self._until:
            self._until = time.monotonic() + DAY_S
        if accepted.version != self._first.version:
            self._log(logging.INFO, "this broker does not accept MQTT 5; MQTT 3.1.1 is used")
        if accepted.maximum_qos < self._config.qos:
            self._log_qos(accepted.maximum_qos)
        terms = self.current.within(accepted)
        if not terms.retain:
            self._log(
                logging.WARNING,
                "this broker keeps no retained messages; "
                f"'{self._config.topic}/status' is sent without retain",
            )
        return terms

    def refused(self, error: BrokerError) -> bool:
        """A connection was not accepted; whether to ask for something else at once."""
        other = self._after_reason(error.reason)
        if error.kind == CLOSED:
            other = self._after_closing()
        self._guessed = other is not None and error.kind == CLOSED
        if other:
            self._ask(other)
        elif not self._proven:
            self._ask(self._first)
        return other is not None

    def acknowledged(self, qos: int) -> None:
        """The broker has acknowledged an array."""
        if not self._acknowledged and qos == min(self._config.qos, self.current.qos):
            self._acknowledged = True
            if qos < self._config.qos:
                self._log_qos(qos)

    def broke(self) -> int | None:
        """The broker has ended a connection in which it had not acknowledged an array.

        With MQTT 3.1.1 the cause may be QoS 2: QoS 1 and 2 take turns until one works.  Returns
        the QoS that may be the cause, if any.
        """
        qos = self.current.qos
        if self.current.version == V5 or self._acknowledged or self._config.qos < EXACTLY_ONCE:
            return None
        self._broken += 1
        if self._broken >= BROKEN:
            self._broken = 0
            self.current = self.current._replace(qos=1 if qos == EXACTLY_ONCE else EXACTLY_ONCE)
        return qos if qos == EXACTLY_ONCE else None

    def _after_reason(self, reason: int | None) -> Terms | None:
        terms = self.current
        if reason == _RETAIN_NOT_SUPPORTED and terms.retain:
            return terms._replace(retain=False)
        if reason == _QOS_NOT_SUPPORTED and terms.qos:
            return terms._replace(qos=0)
        if reason == _UNSUPPORTED_VERSION and terms.version == V5 and self._auto:
            return Terms(V311)
        return None

    def _after_closing(self) -> Terms | None:
        self._closings += 1
        terms = self.current
        if self._proven and self._closings < CLOSINGS:
            return None
        if terms.version == V5:
            return Terms(V311) if self._auto else None
        return terms._replace(retain=False) if terms.retain else None

    def _ask(self, terms: Terms) -> None:
        self.current, self._until = terms, None
        self._proven = self._acknowledged = False
        self._closings = self._broken = 0

    def _log_qos(self, qos: int) -> None:
        loss = "" if qos else ", which may lose some"
        text = f"this broker does not take QoS {self._config.qos}; arrays are sent with QoS {qos}"
        self._log(logging.WARNING, text + loss)

    def _log(self, level: int, text: str) -> None:
        if text not in self._logged:
            self._logged.add(text)
            log.log(level, "%s: %s", self._name, text)
