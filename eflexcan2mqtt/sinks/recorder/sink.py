"""Frames and cycles in; when something unusual happens, the frames around it for the writer."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ...protocol.blocks import CYCLE_S, Event
from ...protocol.reading import Reading
from ...protocol.triggers import (
    BYTE,
    GONE_CYCLES,
    REQUEST,
    Learned,
    Trigger,
    Triggers,
)
from .. import Sink
from ..disk_thread import DiskThread
from .folder import name_of, recordings
from .ring import Ring
from .writer import RecordingPart, RecordingsWriter

log = logging.getLogger(__name__)

AFTER_S = 60.0
EACH_S, RETRY_S = 3600.0, 600.0
"""At most one recording of a kind in this time, or of one that could not be written."""
SILENT_S = GONE_CYCLES * CYCLE_S
FIRST_S, KEEP_S = 10.0, 600.0
"""What was learned is shown, and goes to the disk, so often."""


_ASKED = Trigger(REQUEST, REQUEST, "requested by SIGUSR1")


class _Unfinished(NamedTuple):
    """A recording to which frames are still to come, ``until`` then; the ring had ``packed``."""

    name: str
    trigger: Trigger
    until: float
    packed: int


class Recorder(Sink):
    """Never waits for the disk.

    ``last`` is when there was a recording of each kind, by the clock.  ``folder`` is where they
    are, ``anonymize`` whether without serial numbers.
    """

    def __init__(
        self,
        writer: RecordingsWriter,
        learned: Learned,
        clock: Callable[[], float],
        last: dict[str, float],
    ) -> None:
        self.folder, self.anonymize = writer.folder, writer.anonymize
        self._writer, self._clock, self._last = writer, clock, last
        self._triggers = Triggers(learned)
        self._learned = copy.deepcopy(learned)  # for other threads
        self._ring = Ring(clock)
        self._open: list[_Unfinished] = []
        self._keep_at = clock() + FIRST_S
        self._heard = clock()  # when the last cycle came
        self._at: float | None = None  # the time of its frames
        self._thread: DiskThread[RecordingPart | Learned] = DiskThread(
            "recorder", writer.run, writer.queue
        )

    @property
    def learned(self) -> Learned:
        """What was usual so far; a few minutes old, but with all that was a trigger."""
        return self._learned

    def overhear(self, batches: Iterable[Sequence[Event]]) -> Iterator[Sequence[Event]]:
        """Yield the batches of a source, and remember their frames for a while."""
        return self._ring.overhear(batches)

    def request(self) -> None:
        """Make a recording of now."""
        self._begin(_ASKED, self._time())

    def publish(self, cycle: list[Reading]) -> None:
        self._heard, self._at = self._clock(), cycle[-1]["time"]
        if triggers := self._triggers.cycle(cycle, self._is_lost):
            self._learned = copy.deepcopy(self._triggers.learned)
        for trigger in triggers:
            self._begin(trigger, self._at)
        if self._open:
            self._end_due()

    def tick(self) -> None:
        self._ring.pack()
        if self._clock() - self._heard > SILENT_S:
            for trigger in self._triggers.silence():
                self._begin(trigger, self._time())
        self._end_due()
        self._allow_what_was_lost()
        if self._clock() >= self._keep_at:
            self._keep_at = self._clock() + KEEP_S
            self._keep()

    def close(self) -> int:
        self._end(self._open)
        self._keep()
        self._thread.close()
        return 0

    def _begin(self, trigger: Trigger, at: float) -> None:
        now = self._clock()
        if self._is_blocked(trigger.kind):
            same = [each.name for each in self._open if each.trigger.kind == trigger.kind]
            if same and trigger.kind == BYTE:
                log.info("also in %s: %s", same[0], trigger.text)
            else:
                level = logging.INFO if trigger.kind == REQUEST else logging.DEBUG
                log.log(level, "not recorded again within the hour: %s", trigger.text)
            return
        self._last[trigger.kind] = now
        chunks, packed = self._ring.since(0)
        name = name_of(at, trigger.why, anonymous=self.anonymize)
        # The end of a recording is nothing without its beginning.
        if self._thread.put(RecordingPart(name, trigger, chunks, last=False)):
            self._open.append(_Unfinished(name, trigger, now + AFTER_S, packed))
        else:
            self._allow_soon(trigger.kind)

    def _time(self) -> float:
        """Now, by the clock of the frames."""
        if self._at is None:
            return time.time()
        return self._at + max(self._clock() - self._heard, 0)

    def _is_lost(self, kind: str) -> bool:
        """Whether what happens would be in no recording."""
        return self._is_blocked(kind) and kind not in {each.trigger.kind for each in self._open}

    def _is_blocked(self, kind: str) -> bool:
        now = self._clock()
        return now - self._last.get(kind, now - EACH_S) < EACH_S

    def _allow_what_was_lost(self) -> None:
        while self._writer.lost:
            self._allow_soon(self._writer.lost.popleft())

    def _allow_soon(self, kind: str) -> None:
        self._last[kind] = self._clock() - EACH_S + RETRY_S

    def _end_due(self) -> None:
        now = self._clock()
        self._end(each for each in self._open if now >= each.until)

    def _end(self, over: Iterable[_Unfinished]) -> None:
        for each in list(over):
            chunks, _ = self._ring.since(each.packed)
            if self._thread.put(RecordingPart(each.name, each.trigger, chunks, last=True)):
                self._open.remove(each)

    def _keep(self) -> None:
        self._learned = copy.deepcopy(self._triggers.learned)
        self._thread.put(self._learned)


def started(
    folder: Path, max_mb: float, clock: Callable[[], float], *, anonymize: bool
) -> Recorder:
    """A recorder in a folder, with its thread."""
    writer = RecordingsWriter(folder, max_mb, anonymize=anonymize)
    return Recorder(writer, writer.read(), clock, _last(folder, clock()))


def _last(folder: Path, now: float) -> dict[str, float]:
    """When the runs before made their last recordings, by the clock that says ``now``."""
    try:
        found = recordings(folder)
    except OSError:
        return {}
    day = datetime.now()
    # What is in the future was made by a clock that was ahead.
    ages = {each.kind: (day - each.time).total_seconds() for each in found if each.time <= day}
    return {kind: now - age for kind, age in ages.items()}
