"""A CAN bus, through any interface of python-can: the batteries' frames, for ever.

Whatever happens to the interface, it is closed, and opened again when it works.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain

from ..protocol.blocks import SILENT_TICKS, TICK_S, Event, Frame, Silence
from ..settings import can_options
from ..settings.schema import Can
from . import opening, socketcan, socketcand, trouble
from .messages import reason
from .reader import Damage, Reader

log = logging.getLogger(__name__)

QUICK_RETRY_S = 1.0
QUICK_FOR_S = 10.0
SLOWEST_RETRY_S = 30.0
OVERFLOWS_EVERY_S = 60.0
"""Frames that the kernel dropped are reported at once, and then so often at most."""

_SILENCE = (Silence.SECOND,)


class CanBus:
    """Iterates over the frames of our ids, and silence for each second without one, for ever.

    Logs once that the bus is gone and once that it is back, and tries for ever: every
    second at first, later every 30 s.  Raises ImpossibleError if it can never work.
    """

    def __init__(self, config: Can) -> None:
        self.overflows = 0
        """Frames that the kernel dropped because they came faster than they were read."""
        self.problem = ""
        """Why there are no frames at present, and what to do; empty if there are some."""
        self._config = config
        self._name = config.channel
        self._damage = Damage(config.channel)
        self._unreported = 0  # overflows
        self._report_at = 0.0

    @property
    def damaged(self) -> int:
        """Messages that could not be parsed, as of a serial adapter with a loose plug."""
        return self._damage.count

    def losses(self) -> dict[str, int]:
        """Both counters, by name."""
        return {"overflows": self.overflows, "damaged": self.damaged}

    def __iter__(self) -> Iterator[Event]:
        with closing(self.batches()) as batches:
            for events in batches:
                yield from events

    def batches(self) -> Generator[Sequence[Event], None, None]:
        """The same events, those together that came at once."""
        down_since: float | None = None
        retry = QUICK_RETRY_S
        while True:
            try:
                with closing(self._opened()) as batches:
                    # An interface that is down opens, and fails only now.
                    first = next(batches)
                    if down_since is None:
                        log.info("%s: open", self._name)
                    else:
                        log.info("%s: back after %.0f s", self._name, _since(down_since))
                    down_since, retry = None, QUICK_RETRY_S
                    self.problem = ""
                    silent = 0
                    for frames in chain([first], batches):
                        silent = self._log_silence(silent, bool(frames))
                        yield _events(frames)
            except OSError as error:
                self.problem = trouble.failed(self._config, reason(error))
                if down_since is None:
                    down_since = time.monotonic()
                    log.warning("%s: %s; retrying until it works", self._name, reason(error))
                else:
                    log.debug("%s: %s", self._name, reason(error))
            repeat_at = time.monotonic() + retry
            while (left := repeat_at - time.monotonic()) > 0:
                time.sleep(min(left, TICK_S))
                yield _SILENCE
            if down_since is not None and _since(down_since) > QUICK_FOR_S:
                retry = min(2 * retry, SLOWEST_RETRY_S)

    def opened(self) -> Generator[Event, None, None]:
        """The same events, of the interface opened once: raises OSError when it fails.

        Opens it with the first event and closes it at the end.  Raises ImpossibleError, too.
        """
        with closing(self._opened()) as batches:
            for frames in batches:
                yield from _events(frames)

    def _opened(self) -> Generator[list[Frame], None, None]:
        """The frames that came at once, or an empty list for a second without any."""
        bus = opening.open_bus(self._config)
        try:
            match self._config.interface:
                case can_options.SOCKETCAN:
                    interface = socketcan.Interface(bus, self._name)
                    yield from _by_second(interface.batches(), lambda: self._check(interface))
                case socketcand.NAME:
                    connection = socketcand.ServerLink(bus)
                    yield from _by_second(Reader(bus, self._damage).batches(), connection.check)
                case _:
                    yield from _by_second(Reader(bus, self._damage).batches(), lambda: None)
        finally:
            opening.close(bus)

    def _check(self, interface: socketcan.Interface) -> None:
        interface.check()
        lost = interface.overflows()
        self.overflows += lost
        self._unreported += lost
        if self._unreported and time.monotonic() >= self._report_at:
            log.warning(
                "%s: lost %d frames: they came faster than they were read",
                *(self._name, self._unreported),
            )
            self._unreported = 0
            self._report_at = time.monotonic() + OVERFLOWS_EVERY_S

    def _log_silence(self, silent: int, heard: bool) -> int:
        """Log its beginning and its end; ``silent`` seconds were, return how many there are."""
        if not heard:
            silent += 1
            if silent == SILENT_TICKS:
                self.problem = trouble.silent(self._config)
                log.warning("%s: no frames from any battery for %d s", self._name, silent)
            return silent
        if silent >= SILENT_TICKS:
            log.info("%s: the batteries are back after %d s", self._name, silent)
            self.problem = ""
        return 0


def _by_second(batches: Iterable[list[Frame]], check: Callable[[], None]) -> Iterator[list[Frame]]:
    """The batches with frames, and an empty one for each second without.

    About once a second ``check`` is called, which may raise.
    """
    looked = time.monotonic()
    heard = False
    for frames in batches:
        if frames:
            heard = True
            yield frames
        if _since(looked) >= TICK_S:
            check()
            if not heard:
                yield []
            looked, heard = time.monotonic(), False


def _events(frames: list[Frame]) -> Sequence[Event]:
    return frames or _SILENCE


def _since(moment: float) -> float:
    return time.monotonic() - moment
