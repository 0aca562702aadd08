"""An array that seems to end the connections: a small message in its place shows if it does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ..message import Message
from . import rejected
from .outbox import Parcel
from .shared import EMPTY, Shared

log = logging.getLogger(__name__)


class Suspicion:
    """In one connection; ``publish`` sends a message in it and returns its id."""

    def __init__(self, shared: Shared, publish: Callable[[Message], int]) -> None:
        self._shared = shared
        self._publish = publish
        self._test: int | None = None  # the small message
        self._passed_at: float | None = None

    def test(self) -> None:
        """Send the small message; if the connection holds, send the suspected array once more, or
        set it aside if that has been done."""
        config, outbox, caution = self._shared[:3]
        if self._test is None:
            self._test = self._publish(Message(config.topic, EMPTY, config.qos))
        if self._passed_at is None or time.monotonic() < self._passed_at + caution.hold_s:
            return
        if not caution.passed():
            return
        parcel = outbox.next(1)
        if not parcel:
            return
        if parcel.number == caution.suspect:
            self._set_aside(parcel)
        else:
            outbox.unsent()
        caution.clear()

    def acknowledged(self, message_id: int) -> None:
        """A message was acknowledged, or refused: the connection has survived it."""
        if message_id == self._test:
            self._passed_at = time.monotonic()

    def _set_aside(self, parcel: Parcel) -> None:
        outbox, caution, name = self._shared.outbox, self._shared.caution, self._shared.outage.name
        what = f"closes the connection whenever it gets {rejected.in_words(parcel)}"
        try:
            path = rejected.set_aside(outbox, parcel)
        except OSError as error:
            outbox.unsent()
            if parcel.number != caution.reported:
                caution.reported = parcel.number
                problem = error.strerror or error
                log.warning("%s: %s; cannot set it aside: %s", name, what, problem)
        else:
            log.warning("%s: %s; moved to %s, the next are sent", name, what, path)
