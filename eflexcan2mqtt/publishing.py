"""A ``publish`` in, a ``publish`` with one more rule out."""

from __future__ import annotations

import logging
from collections.abc import Callable

from .bridge import Publish
from .process.stop import Stop, Stopped
from .protocol.decode import Reading

log = logging.getLogger(__name__)


def both(first: Publish, second: Publish) -> Publish:
    """Publish each cycle here and there."""

    def publish_twice(cycle: list[Reading]) -> None:
        first(cycle)
        second(cycle)

    return publish_twice


def every(seconds: float, clock: Callable[[], float], publish: Publish) -> Publish:
    """Publish the first cycle, and then each first one after at least so many seconds."""
    if not seconds:
        return publish
    last: float | None = None

    def publish_if_due(cycle: list[Reading]) -> None:
        nonlocal last
        now = clock()
        # A recorded clock may go back: then counting begins anew.
        if last is None or not last <= now < last + seconds:
            last = now
            publish(cycle)

    return publish_if_due


def patiently(stop: Stop, wait_for_room: Callable[[], None], publish: Publish) -> Publish:
    """Wait until there is room before each array: a log can, a bus cannot."""

    def wait_and_publish(cycle: list[Reading]) -> None:
        try:
            with stop:
                wait_for_room()
        except Stopped:
            pass  # the oldest array gives way; the source ends at its next frame
        publish(cycle)

    return wait_and_publish


def stoppably(stop: Stop, publish: Publish) -> Publish:
    """Let a signal end a publish that blocks, as a pipe that nobody reads does."""

    def publish_or_stop(cycle: list[Reading]) -> None:
        with stop:
            publish(cycle)

    return publish_or_stop


def weighed(memory: Callable[[], str], publish: Publish) -> Publish:
    """Log the memory of the process after each array."""

    def publish_and_weigh(cycle: list[Reading]) -> None:
        publish(cycle)
        log.info("memory after publishing: %s", memory())

    return publish_and_weigh
