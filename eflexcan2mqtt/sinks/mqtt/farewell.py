"""Brokers that were left in; `offline` on those that would show `online` for ever out.

A broker publishes our last will when it sees that we have gone.  One that dies has forgotten the
will when it is back, but may have kept `online` on its disk.  So each broker that was left, in
this run or one before, is visited once it answers.  Where `online` is right, since the brokers are
a cluster or joined by a bridge, that of the broker in use is heard, and nothing is said.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ...settings.schema import Mqtt
from .dialogue import DeniedError, conversation
from .happenings import BrokerError
from .shared import status

VISIT_EVERY_S = 30.0
VISIT_S = 20.0

READ_BACK_S = 1.5
"""What a broker has kept comes sooner."""

LASTING = frozenset({0x85, 0x86, 0x87, 0x8A, 0x8C})
"""Reason codes of what a broker will refuse next time, too: id, password, rights, ban, method."""

JOINED_S = 5.0
"""What is published on one broker of a cluster comes to the others sooner."""


@dataclass(frozen=True)
class Visit:
    """A visit to a broker has ended; or, with ``asks``, waits for `online` on the one in use.

    ``good`` is whether there is nothing more to do there.
    """

    name: str
    asks: bool = False
    good: bool = False


class Farewells:
    """Belongs to the broker's owner; ``report`` is called by threads of the visits."""

    def __init__(self, report: Callable[[Visit], None]) -> None:
        self._report = report
        self._left: dict[str, tuple[Mqtt, float]] = {}  # when each is visited, by its name
        self._visited: set[str] = set()

    def left(self, config: Mqtt, now: float) -> None:
        """A broker is not used now, and may keep an `online` of ours."""
        self._left[config.name] = (config, now + VISIT_EVERY_S)

    def joined(self, config: Mqtt) -> None:
        """A connection to a broker begins: it will say `online`."""
        self._left.pop(config.name, None)

    def tick(self, now: float) -> None:
        """Begin what is due; called while there is a connection to another broker."""
        for name, (config, at) in self._left.items():
            if now >= at and name not in self._visited:
                self._visited.add(name)
                threading.Thread(
                    target=self._visit, args=(config,), name="farewell", daemon=True
                ).start()

    def ended(self, visit: Visit, now: float) -> None:
        """A visit has ended; the next follows, unless it was good."""
        self._visited.discard(visit.name)
        if visit.name in self._left:
            config, _ = self._left.pop(visit.name)
            if not visit.good:
                self.left(config, now)

    def _visit(self, config: Mqtt) -> None:
        good = True
        try:
            _say_offline(config, lambda: self._report(Visit(config.name, asks=True)))
        except DeniedError:
            pass  # it will not allow it next time, either
        except BrokerError as error:
            good = error.reason in LASTING
        self._report(Visit(config.name, good=good))


def _say_offline(config: Mqtt, ask: Callable[[], None]) -> None:
    """Raises BrokerError; ``ask`` has `online` published on the broker in use."""
    online, offline = (status(config, word) for word in (b"online", b"offline"))
    with conversation(config, "left", VISIT_S) as broker:

        def heard(*, retained: bool) -> bool:
            found = [(each.payload, each.retained) for each in broker.received]
            return (online.payload, retained) in found

        broker.subscribe(online.topic)
        broker.wait_until(lambda: bool(broker.received), READ_BACK_S)
        if heard(retained=True):
            ask()
            if not broker.wait_until(lambda: heard(retained=False), JOINED_S):
                broker.deliver([broker.terms.limit(offline)])
