"""What is said over one connection: online, arrays, descriptions of the batteries, offline."""

from __future__ import annotations

import time
from typing import NamedTuple

from ..message import Message
from .caution import IN_FLIGHT
from .client import TOO_LARGE
from .connection import NO_ANSWER, V5, Connection, packet_size
from .happenings import MUTE, Accepted, Acknowledged, BrokerError, Ended, Happening, Received
from .outage import Evidence
from .outbox import Parcel
from .shared import Latest, Shared, status
from .suspicion import Suspicion

MUTE_S = 10.0
"""A broker that has not answered by then is reported."""

UNACKNOWLEDGED_S = 300.0
"""So long, or twice the keepalive, an acknowledgement may take."""

UNACKNOWLEDGED = "unacknowledged"

RECENT_S = 5.0
"""States of an older cycle would be taken for those of now."""

STATES_UNSENT = 100
"""With so many messages of theirs unsent on a slow connection, no further states are sent."""


class _Sent(NamedTuple):
    at: float
    message: Message
    parcel: Parcel | None


class Session:
    """Drives one connection.

    Arrays are sent once the broker has acknowledged ``online``: then the session is ``ready``.
    ``accepted`` is what the broker said when it let us in; ``again`` is whether to connect again
    at once when the session has ended, since the broker may accept other terms; ``proven`` whether
    it has lasted, and the broker did its part to the end.
    """

    def __init__(self, connection: Connection, shared: Shared) -> None:
        self.connection = connection
        self.accepted: Accepted | None = None
        self.ready = self.ended = self.again = self.proven = False
        self._shared = shared
        self._terms = shared.negotiation.current
        self._opened = time.monotonic()
        self._sending = True
        self._sent: dict[int, _Sent] = {}  # by message id, in their order
        self._subscribed: dict[int, str] = {}  # topics by message id, until it is acknowledged
        self._shown = 0  # the number of the last cycle whose states were sent
        self._refused = False  # whether refused arrays are to be put back
        self._online: int | None = None
        self._suspicion = Suspicion(shared, self._publish)

    def handle(self, event: Happening) -> None:
        """Take what has happened on the connection."""
        match event:
            case Accepted():
                self._welcome(event)
            case Acknowledged(message_id, refused):
                self._acknowledged(message_id, refused)
            case Received(topic, payload, retained):
                self._shared.announcers.received(Message(topic, payload, retain=retained))
            case Ended(error, closed):
                self._end(error, closed)

    def send(self, latest: Latest) -> None:
        """Send what there is to send, and may be sent now."""
        caution = self._shared.caution
        self._put_back()
        if not self.ready or not self._sending:
            return
        if caution.tests:
            self._suspicion.test()
            return
        # Beside a suspected array nothing else is sent that could end the connection.
        announces = caution.suspect is None
        if announces:
            self._send_due(latest)  # first: arrays may take all room for a long time
        self._send_arrays()
        if announces:
            self._send_states(latest)

    def check(self) -> None:
        """Time has passed: does the broker still do its part?"""
        config, outage, now = self._shared.config, self._shared.outage, time.monotonic()
        outage.check()
        limit = min(2.0 * config.keepalive, UNACKNOWLEDGED_S)
        if not self.accepted and now - self._opened > MUTE_S:
            outage.failed(BrokerError(MUTE, NO_ANSWER))
            if now - self._opened > limit or not self._shared.alone:
                self._end(BrokerError(MUTE, NO_ANSWER), closed=False)
        oldest = next(iter(self._sent.values()), None)
        if oldest and now - oldest.at > limit:
            silence = f"has acknowledged nothing for {limit:.0f} s; connecting again"
            self._end(BrokerError(UNACKNOWLEDGED, silence), closed=False)

    def stop_sending(self) -> None:
        """Send nothing more but what ``say`` says."""
        self._sending = False

    def say(self, word: bytes) -> int:
        """Tell everyone that we are ``online``, or go ``offline``; return the message's id."""
        return self._publish(status(self._shared.config, word))

    def unanswered(self) -> bool:
        """Whether something is on its way that must arrive."""
        return any(each.message.keep for each in self._sent.values()) and not self.ended

    def waits_for(self, message_id: int) -> bool:
        """Whether a message has not been acknowledged, and still can be."""
        return message_id in self._sent and not self.ended

    @property
    def _window(self) -> int:
        """How many arrays may be in flight."""
        if self._shared.refusals.holding:
            return 1
        # With MQTT 3.1.1 a broker drops what is above its limit for QoS 2, which nobody knows.
        if self._terms.version != V5 and min(self._shared.config.qos, self._terms.qos) > 1:
            return 1
        return self._shared.caution.window

    def _room(self) -> bool:
        """Whether the broker takes another message that it must acknowledge."""
        most = min(IN_FLIGHT, self.accepted.receive_maximum) if self.accepted else 0
        return sum(each.message.qos > 0 for each in self._sent.values()) < most

    @property
    def _largest(self) -> int | None:
        """The largest packet that the broker takes, in bytes, if it said so."""
        return self.accepted.maximum_packet_size if self.accepted else None

    def _fits(self, message: Message) -> bool:
        return self._largest is None or packet_size(message) <= self._largest

    def _send_arrays(self) -> None:
        config, outbox, refusals = self._shared.config, self._shared.outbox, self._shared.refusals
        window = self._window
        while not refusals.waiting and self._room() and (parcel := outbox.next(window)):
            message = Message(config.topic, parcel.payload, config.qos)
            if self._fits(message):
                self._publish(message, parcel)
            else:
                self._too_large(parcel, self._largest)

    def _send_due(self, latest: Latest) -> None:
        too_large = []
        for message in self._shared.announcers.due(latest.cycle, time.monotonic()):
            if not self._room():
                break
            if self._fits(message):
                self._publish(message)
            else:
                self._shared.refusals.other_too_large(message, self._largest)
                too_large.append(message)
        for message in too_large:
            self._shared.announcers.answered(message, taken=False)

    def _send_states(self, latest: Latest) -> None:
        now = time.monotonic()
        if latest.number == self._shown or now - latest.at > RECENT_S:
            return
        # All of them or none: a change that is urgent must not count as shown if it was not sent.
        if sum(not each.message.keep for each in self._sent.values()) >= STATES_UNSENT:
            return
        self._shown = latest.number
        for message in self._shared.announcers.states(latest.cycle, now):
            self._publish(message)

    def _publish(self, message: Message, parcel: Parcel | None = None) -> int:
        message = self._terms.limit(message)
        message_id = self.connection.publish(message)
        self._sent[message_id] = _Sent(time.monotonic(), message, parcel)
        return message_id

    def _welcome(self, accepted: Accepted) -> None:
        terms = self._shared.negotiation.accepted(accepted)
        if terms is None:
            self.again = True
            self.connection.leave()
            return
        self.accepted, self._terms = accepted, terms
        self._shared.refusals.retry()
        self._online = self.say(b"online")
        self._shared.announcers.connected()
        for topic in self._shared.announcers.topics:
            self._subscribed[self.connection.subscribe(topic)] = topic

    def _acknowledged(self, message_id: int, refused: str | None) -> None:
        if topic := self._subscribed.pop(message_id, None):
            self._shared.announcers.subscribed(topic, time.monotonic())
        sent = self._sent.pop(message_id, None)
        if sent and refused:
            self._refuse(sent, refused)
        elif sent and sent.parcel:
            self._shared.outbox.arrived(sent.parcel.number)
            self._shared.refusals.arrived()
        if sent and sent.message.keep and not sent.parcel:
            self._shared.announcers.answered(sent.message, taken=not refused)
        if sent and sent.parcel:
            self._shared.caution.acknowledged()
            self._shared.negotiation.acknowledged(sent.message.qos)
        if message_id == self._online:
            self.ready = True
            self._shared.outage.up()
        self._suspicion.acknowledged(message_id)

    def _refuse(self, sent: _Sent, reason: str) -> None:
        match sent.parcel:
            case None:
                self._shared.refusals.other(sent.message, reason)
            case parcel if reason == TOO_LARGE:
                self._too_large(parcel, None)
            case _:
                self._shared.refusals.array(reason)
                self._refused = True

    def _too_large(self, parcel: Parcel, limit: int | None) -> None:
        if not self._shared.refusals.too_large(self._shared.outbox, parcel, limit):
            self._refused = True

    def _put_back(self) -> None:
        """Refused arrays wait again, in their order, once nothing is in flight."""
        if self._refused and not any(each.parcel for each in self._sent.values()):
            self._refused = False
            self._shared.outbox.unsent()

    def _end(self, error: BrokerError, closed: bool) -> None:
        if self.ended:
            return
        self.ended = True
        ready, self.ready = self.ready, False
        self.proven = ready and self._shared.outage.held and error.kind != UNACKNOWLEDGED
        self.connection.close()
        shared = self._shared
        arrays = [each for each in self._sent.values() if each.parcel]
        lasted = time.monotonic() - arrays[0].at if arrays else 0.0
        numbers = [each.parcel.number for each in arrays if each.parcel]
        shared.caution.ended(numbers, ready and closed, lasted)
        shared.outbox.unsent()
        doubted = shared.negotiation.broke() if ready and closed and arrays else None
        if not self._sending or self.again:
            return
        if self.accepted:
            largest = max((len(each.message.payload) for each in arrays), default=0)
            shared.outage.lost(error, closed, Evidence(largest, doubted))
            return
        self.again = shared.negotiation.refused(error)
        if not self.again:
            shared.outage.failed(error)
