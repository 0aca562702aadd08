"""A CAN bus that heals itself: the batteries' frames, for ever.

Whatever happens to the interface, it is closed, and opened again when it works.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator
from contextlib import closing

from ..protocol.blocks import SILENT_TICKS, TICK_S, Event, Silence
from ..settings.schema import Can
from . import socketcan

log = logging.getLogger(__name__)

QUICK_RETRY_S = 1.0
QUICK_FOR_S = 10.0
SLOWEST_RETRY_S = 30.0


def opened(config: Can, overflows: socketcan.Overflows) -> Generator[Event, None, None]:
    """The frames of our ids from the interface of the INI, and silence for each second without one.

    Opens it with the first, closes it at the end; raises OSError when it fails.
    """
    if config.interface == socketcan.NAME:
        return socketcan.frames(config.channel, overflows)
    from . import adapter

    return adapter.frames(config)


def frames(config: Can, overflows: socketcan.Overflows | None = None) -> Iterator[Event]:
    """The frames of our ids, and silence for each second without one.

    Says once that the bus is gone and once that it is back, and tries for ever: every
    second at first, later every 30 s.  ``overflows`` counts what came faster than it was read.
    """
    overflows = overflows or socketcan.Overflows()
    down_since: float | None = None
    retry = QUICK_RETRY_S
    while True:
        try:
            with closing(opened(config, overflows)) as received:
                # An interface that is down opens, and fails only now.
                first = next(received)
                if down_since is None:
                    log.info("%s: open", config.channel)
                else:
                    log.info("%s: back after %.0f s", config.channel, _since(down_since))
                down_since, retry = None, QUICK_RETRY_S
                yield from _telling_silence(config.channel, first, received)
        except OSError as error:
            if down_since is None:
                down_since = time.monotonic()
                log.warning("%s: %s; trying again until it works", config.channel, reason(error))
            else:
                log.debug("%s: %s", config.channel, reason(error))
        again = time.monotonic() + retry
        while (left := again - time.monotonic()) > 0:
            time.sleep(min(left, TICK_S))
            yield Silence.SECOND
        if _since(down_since or again) > QUICK_FOR_S:
            retry = min(2 * retry, SLOWEST_RETRY_S)


def reason(error: OSError) -> str:
    """What went wrong, in words."""
    return error.strerror or str(error)


def _telling_silence(channel: str, first: Event, received: Iterator[Event]) -> Iterator[Event]:
    silent = int(first is Silence.SECOND)
    yield first
    for frame in received:
        if frame is Silence.SECOND:
            silent += 1
            if silent == SILENT_TICKS:
                log.warning("%s: no battery says anything", channel)
        elif silent:
            if silent >= SILENT_TICKS:
                log.info("%s: the batteries are back after %d s", channel, silent)
            silent = 0
        yield frame


def _since(moment: float) -> float:
    return time.monotonic() - moment
