"""Arrays out to one MQTT topic: the bus thread's side of the broker's owner.

Nothing here waits for the broker or a disk: cycles go into a queue, and a snapshot says how
things are.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any

from ...protocol.reading import Reading
from ...settings.schema import Mqtt, SpoolSettings
from .. import Sink
from ..message import Announcer
from .announcers import Announcers
from .owner import Close, Owner, OwnerState
from .shared import Latest

log = logging.getLogger(__name__)

WAITING = 1000
"""Arrays kept in memory without a spool: a quarter of an hour of a bank."""

AHEAD = 50
"""As many as a fast broker takes while we sleep: a recording need not be in memory."""

CLOSE_S = 1.5
"""For the farewell to the broker: a stop takes less than two seconds."""

DRAIN_S = 30.0
"""How long the end of the input waits for a broker that acknowledges nothing."""

_POLL_S = 0.02


@dataclass(frozen=True)
class BrokerState:
    """How the broker's side is.

    ``connected_to`` is the name of the broker in use, empty if there is none; ``waiting`` how many
    arrays the broker has not acknowledged, ``connections`` how many connections it has accepted,
    ``dropped`` how many arrays had to be dropped.
    """

    connected_to: str
    waiting: int
    connections: int
    dropped: int

    @property
    def connected(self) -> bool:
        return bool(self.connected_to)


class MqttSink(Sink):
    """Publishes arrays; never raises for anything that the broker does.

    ``<topic>/status``, retained, is ``online`` while connected, else ``offline``.  ``announcers``
    have more to say to other programs, of every cycle.  ``clock`` is the time of the input, for
    ``publish_interval``.  It never waits for the broker, but with
    ``waits``: then ``publish`` waits inside it until few arrays wait, for inputs that can be kept
    waiting.
    """

    def __init__(  # noqa: PLR0913 (each is a setting or a fact of the input)
        self,
        config: Mqtt,
        spool: SpoolSettings | None = None,
        announcers: tuple[Announcer, ...] = (),
        *,
        room: int = WAITING,
        clock: Callable[[], float] = time.monotonic,
        waits: AbstractContextManager[None] | None = None,
    ) -> None:
        self._name = config.name
        self._announcers = Announcers(announcers)
        self._interval_s = config.publish_interval
        self._clock = clock
        self._waits = waits
        self._last: float | None = None  # when a cycle was published, by the clock
        self._left, self._left_since = -1, 0.0
        self._ahead = min(AHEAD, room)
        self._cycles = self._published = 0
        self._waking, wake = socket.socketpair()
        for end in (self._waking, wake):
            end.setblocking(False)
        self._owner = Owner(config, spool, self._announcers, room, wake)
        self._thread = threading.Thread(
            target=self._owner.run, args=(self._wake,), name="broker", daemon=True
        )

    def start(self) -> None:
        """Begin to connect, broker or not."""
        self._thread.start()

    def publish(self, cycle: list[Reading]) -> None:
        """Hand over a cycle, to become an array if one is due."""
        self._cycles += 1
        self._owner.latest = Latest(self._cycles, cycle, time.monotonic())
        if not self._is_due():
            self._wake()
            return
        if self._waits:
            with self._waits:
                self._wait_for_room()
        self._published += 1
        # If the owner does not take them, since its disk hangs, the oldest are dropped.
        self._owner.cycles.append((self._published, cycle))
        self._wake()

    @property
    def state(self) -> BrokerState:
        """How things are now."""
        state = self._owner.state
        return BrokerState(
            connected_to=state.connected_to,
            waiting=self._waiting(state),
            connections=state.connections,
            dropped=state.dropped,
        )

    def health(self) -> dict[str, Any]:
        """The same for the page and for systemd."""
        state = self.state
        return {
            "broker": "connected" if state.connected else "away",
            "connected_to": state.connected_to,
            "waiting": state.waiting,
            "connections": state.connections,
            "dropped_arrays": state.dropped,
            **self._announcers.health(),
        }

    def drained(self) -> bool:
        """Whether the broker has acknowledged all, or nothing for DRAIN_S."""
        state, now = self._owner.state, time.monotonic()
        before, self._left = self._left, self._waiting(state)
        if self._left != before:
            self._left_since = now
        done = state.open and not self._left
        return done or now - self._left_since > DRAIN_S or not self._thread.is_alive()

    def close(self, timeout_s: float = CLOSE_S) -> int:
        """Deliver what can be delivered at once, say ``offline`` and go.

        Takes ``timeout_s`` at most; returns how many arrays the broker has not acknowledged,
        which the spool keeps for the next run, if there is one.
        """
        self._owner.orders.put(Close(time.monotonic() + timeout_s))
        self._wake()
        if self._thread.ident:
            # Not longer: the owner may be waiting for a slow disk.
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning(
                "%s: the disk or the broker was too slow to stop in time; "
                "%d arrays may not have been kept",
                *(self._name, self._waiting(self._owner.state)),
            )
        else:
            self._waking.close()
        return self._waiting(self._owner.state)

    def _is_due(self) -> bool:
        now = self._clock()
        # A recorded clock may go back: then counting begins anew.
        if self._last is not None and self._last <= now < self._last + self._interval_s:
            return False
        self._last = now
        return True

    def _wait_for_room(self) -> None:
        while self._waiting(self._owner.state) >= self._ahead and self._thread.is_alive():
            time.sleep(_POLL_S)

    def _waiting(self, state: OwnerState) -> int:
        return state.waiting + self._published - state.taken

    def _wake(self) -> None:
        # If there is no room for a byte, the owner has bytes to wake up by.
        with suppress(OSError):
            self._waking.send(b"\0")
