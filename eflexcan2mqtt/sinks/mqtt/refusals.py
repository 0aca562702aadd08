"""What the broker refuses in; few log lines, and when to try again, out.

Only with MQTT 5 a broker says that it refuses a message.  An array that is too large is set
aside, since the next may not be.  Whatever else is refused, all arrays would be: they are kept,
and one is sent again after a pause that grows.
"""

from __future__ import annotations

import logging
import time

from ...settings.schema import Mqtt
from ..message import Message
from . import rejected
from .client import NOT_AUTHORIZED, QUOTA_EXCEEDED, TOO_LARGE
from .outbox import Outbox, Parcel

log = logging.getLogger(__name__)

RETRY_S = (1.0, 60.0)
"""The first pause before arrays are tried again, and the longest: each is twice the one before."""


class Refusals:
    """What one broker refuses, through all connections to it.

    Each kind is logged once; for arrays again after one has arrived.  ``dropped`` counts the
    arrays that were too large and had no spool to be set aside in.
    """

    def __init__(self, config: Mqtt) -> None:
        self.dropped = 0
        self._name = config.name
        user = f" of user '{config.username}'" if config.username else ""
        self._remedies = {
            NOT_AUTHORIZED: f"; allow client '{config.client_id}'{user} to write there",
            QUOTA_EXCEEDED: "; raise its limit of messages",
            TOO_LARGE: "; raise its limit of bytes (mosquitto: message_size_limit)",
        }
        self._topic = config.topic
        self._since: float | None = None
        self._retry_at = 0.0
        self._pause_s = RETRY_S[0]
        self._logged_of_arrays: set[str] = set()
        self._logged: set[str] = set()

    @property
    def holding(self) -> bool:
        """Whether arrays are refused: then they are sent one by one."""
        return self._since is not None

    @property
    def waiting(self) -> bool:
        """Whether none is to be sent now."""
        return self.holding and time.monotonic() < self._retry_at

    def array(self, reason: str) -> None:
        """An array was refused, and is kept."""
        self._hold(f"{self._why(self._topic, reason)}; arrays are kept until it takes them")

    def too_large(self, outbox: Outbox, parcel: Parcel, limit: int | None) -> bool:
        """Set aside an array in flight, or drop it where there is no spool.

        ``limit`` is the broker's, in bytes a packet, where it is known.  Returns whether that
        worked; else the array is kept.
        """
        refusal = self._why(self._topic, TOO_LARGE)
        if limit:
            refusal = f"takes packets of {limit} bytes at most; raise this limit"
        what = f"{refusal}; {rejected.in_words(parcel)}"
        if outbox.directory() is None:
            outbox.arrived(parcel.number)
            self.dropped += 1
            self._log_array(TOO_LARGE, f"{what} is dropped, and so are all such: there is no spool")
            return True
        try:
            path = rejected.set_aside(outbox, parcel)
        except OSError as error:
            self._hold(f"{what} cannot be set aside: {error.strerror or error}")
            return False
        self._log_array(TOO_LARGE, f"{what} is moved to {path}, the next are sent")
        return True

    def other(self, message: Message, reason: str) -> None:
        """Another message was refused; it is not sent again in this connection."""
        self._log_other(message, reason, self._why(message.topic, reason))

    def other_too_large(self, message: Message, limit: int | None) -> None:
        """Another message was not sent: the broker takes packets of ``limit`` bytes at most."""
        what = f"'{message.topic}' ({len(message.payload)} bytes) is not sent"
        text = f"takes packets of {limit} bytes at most; raise this limit; {what}"
        self._log_other(message, TOO_LARGE, text)

    def arrived(self) -> None:
        """An array has arrived."""
        if self._since is not None:
            refused_s = time.monotonic() - self._since
            log.info("%s: takes arrays again after %.0f s", self._name, refused_s)
            self._since = None
        self._logged_of_arrays.clear()
        self.retry()

    def retry(self) -> None:
        """Do not wait: the broker may have other settings now."""
        self._retry_at, self._pause_s = 0.0, RETRY_S[0]

    def _hold(self, text: str) -> None:
        self._log_array("kept", text)
        if not self.waiting:  # else it was in flight with one that was refused before
            now = time.monotonic()
            self._since = self._since or now
            self._retry_at = now + self._pause_s
            self._pause_s = min(self._pause_s * 2, RETRY_S[1])

    def _why(self, topic: str, reason: str) -> str:
        return f"refuses messages on '{topic}': {reason}{self._remedies.get(reason, '')}"

    def _log_other(self, message: Message, reason: str, text: str) -> None:
        # One line for all batteries: their topics begin alike.
        kind = f"{message.topic.partition('/')[0]}: {reason}"
        if kind not in self._logged:
            self._logged.add(kind)
            log.warning("%s: %s", self._name, text)

    def _log_array(self, kind: str, text: str) -> None:
        if kind not in self._logged_of_arrays:
            self._logged_of_arrays.add(kind)
            log.warning("%s: %s", self._name, text)
