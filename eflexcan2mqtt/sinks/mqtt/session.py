"""What is said over one connection: online, arrays, descriptions of the batteries, offline."""

from __future__ import annotations

import logging
import time
from typing import NamedTuple

from ...protocol.reading import Reading
from ...settings.schema import Mqtt
from ..message import Announcer, Message
from . import rejected
from .caution import Caution
from .connection import (
    MUTE,
    NO_ANSWER,
    Accepted,
    Acknowledged,
    BrokerError,
    Connection,
    Ended,
    Happening,
    Received,
)
from .outage import OutageLog
from .outbox import Outbox, Parcel

log = logging.getLogger(__name__)

MUTE_S = 10.0
"""A broker that has not answered by then is reported."""

UNACKNOWLEDGED_S = 300.0
"""So long, or twice the keepalive, an acknowledgement may take."""

STATES_UNSENT = 100
"""So many messages that need not arrive wait for a slow connection."""

_EMPTY = b"[]"  # an array without batteries, which is small


class Shared(NamedTuple):
    """What outlives a connection."""

    config: Mqtt
    outbox: Outbox
    caution: Caution
    outage: OutageLog
    announcer: Announcer | None


class _Sent(NamedTuple):
    at: float
    message: Message
    parcel: Parcel | None


def status(config: Mqtt, word: bytes) -> Message:
    """The retained message that says whether we are there."""
    return Message(f"{config.topic}/status", word, qos=1, retain=True)


class Session:
    """Drives one connection.

    Arrays are sent once the broker has acknowledged ``online``: then the session is ``ready``.
    ``accepted`` is whether the broker has let us in.
    """

    def __init__(self, connection: Connection, shared: Shared) -> None:
        self.connection = connection
        self.accepted = self.ready = self.ended = False
        self._shared = shared
        self._opened = time.monotonic()
        self._sending = True
        self._sent: dict[int, _Sent] = {}  # by message id, in their order
        self._online: int | None = None
        self._test: int | None = None  # the small message in place of a suspected array
        self._test_passed: float | None = None

    def handle(self, event: Happening) -> None:
        """Take what has happened on the connection."""
        match event:
            case Accepted():
                self._welcome()
            case Acknowledged(message_id):
                self._acknowledged(message_id)
            case Received(_, payload):
                if payload == b"online" and self._shared.announcer:
                    self._shared.announcer.repeat()
            case Ended(error, closed):
                self._end(error, closed)

    def send(self, latest: list[Reading]) -> None:
        """Send what there is to send, and may be sent now; ``latest`` is the last cycle."""
        config, outbox, caution, _, announcer = self._shared
        if not self.ready or not self._sending:
            return
        if caution.tests:
            self._test_suspect()
            return
        while parcel := outbox.next(caution.window):
            self._publish(Message(config.topic, parcel.payload, config.qos), parcel)
        # Beside a suspected array nothing else is sent that could end the connection.
        if announcer and latest and caution.suspect is None and not self._describing():
            for message in announcer.due(latest):
                self._publish(message)

    def show(self, cycle: list[Reading]) -> None:
        """Send the values of a cycle; they are not kept."""
        announcer, caution = self._shared.announcer, self._shared.caution
        if announcer and self.ready and self._sending and caution.suspect is None:
            for message in announcer.states(cycle):
                unsent = sum(not each.message.keep for each in self._sent.values())
                if message.keep or unsent < STATES_UNSENT:
                    self._publish(message)

    def check(self) -> None:
        """Time has passed: does the broker still do its part?"""
        config, outage, now = self._shared.config, self._shared.outage, time.monotonic()
        outage.check()
        limit = min(2.0 * config.keepalive, UNACKNOWLEDGED_S)
        if not self.accepted and now - self._opened > MUTE_S:
            outage.failed(BrokerError(MUTE, NO_ANSWER))
            if now - self._opened > limit:
                self._end(BrokerError(MUTE, NO_ANSWER), closed=False)
        oldest = next(iter(self._sent.values()), None)
        if oldest and now - oldest.at > limit:
            silence = f"has acknowledged nothing for {limit:.0f} s; connecting again"
            self._end(BrokerError("unacknowledged", silence), closed=False)

    def stop_sending(self) -> None:
        """Send nothing more but ``say_offline``."""
        self._sending = False

    def say_offline(self) -> int:
        """Tell everyone that we go; return the message's id."""
        return self._publish(status(self._shared.config, b"offline"))

    def waits_for(self, message_id: int) -> bool:
        """Whether a message has not been acknowledged, and still can be."""
        return message_id in self._sent and not self.ended

    def _publish(self, message: Message, parcel: Parcel | None = None) -> int:
        message_id = self.connection.publish(message)
        self._sent[message_id] = _Sent(time.monotonic(), message, parcel)
        return message_id

    def _welcome(self) -> None:
        self.accepted = True
        self._online = self._publish(status(self._shared.config, b"online"))
        if announcer := self._shared.announcer:
            announcer.repeat()
            self.connection.subscribe(announcer.status_topic)

    def _acknowledged(self, message_id: int) -> None:
        sent = self._sent.pop(message_id, None)
        if sent and sent.parcel:
            self._shared.outbox.arrived(sent.parcel.number)
            self._shared.caution.acknowledged()
        if message_id == self._online:
            self.ready = True
            self._shared.outage.up()
        if message_id == self._test:
            self._test_passed = time.monotonic()

    def _describing(self) -> bool:
        """Whether descriptions are on their way."""
        return any(each.message.keep and not each.parcel for each in self._sent.values())

    def _test_suspect(self) -> None:
        """Send a small message in place of the array that seems to end the connections."""
        config, outbox, caution, _, _ = self._shared
        if self._test is None:
            self._test = self._publish(Message(config.topic, _EMPTY, config.qos))
        if self._test_passed is None or time.monotonic() < self._test_passed + caution.hold_s:
            return
        parcel = outbox.next(1)
        if not parcel:
            return
        if parcel.number == caution.suspect:
            self._set_aside(parcel)
        else:
            outbox.unsent()
        caution.clear()

    def _set_aside(self, parcel: Parcel) -> None:
        outbox, name = self._shared.outbox, self._shared.outage.name
        what = f"{rejected.array_time(parcel.payload)} UTC ({len(parcel.payload)} bytes)"
        problem = "there is no spool directory"
        if directory := outbox.directory():
            try:
                path = rejected.set_aside(directory, parcel.payload)
            except OSError as error:
                problem = error.strerror or str(error)
            else:
                outbox.arrived(parcel.number)
                log.warning(
                    "%s: closes the connection whenever it gets the array of %s; "
                    "moved to %s, the next are sent",
                    *(name, what, path),
                )
                return
        outbox.unsent()
        if parcel.number != self._shared.caution.reported:
            self._shared.caution.reported = parcel.number
            log.warning(
                "%s: closes the connection whenever it gets the array of %s; "
                "cannot set it aside: %s",
                *(name, what, problem),
            )

    def _end(self, error: BrokerError, closed: bool) -> None:
        if self.ended:
            return
        self.ended = True
        ready, self.ready = self.ready, False
        self.connection.close()
        _, outbox, caution, outage, _ = self._shared
        parcels = [each for each in self._sent.values() if each.parcel]
        lasted = time.monotonic() - parcels[0].at if parcels else 0.0
        caution.ended([each.number for each in outbox.in_flight()], ready and closed, lasted)
        outbox.unsent()
        if not self._sending:
            return
        if self.accepted:
            largest = max((len(each.message.payload) for each in parcels), default=0)
            outage.lost(error, closed, largest)
        else:
            outage.failed(error)
