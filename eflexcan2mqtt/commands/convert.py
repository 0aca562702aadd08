"""A recording or the simulated bank in, the same frames as a file of another format out.

Which format that is the name says.  Only the frames of batteries are written, with the times that
the program would give them; python-can writes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from ..process.progress import Progress
from ..protocol.blocks import Event, Frame, Silence
from ..sources import SIMULATOR, WRITABLE, Input, simulator
from ..sources.recording import Recording
from . import Finding
from .new_file import new_file

_BUS = "can0"
_BY = "Written by eflexcan2mqtt"
_FRAMES_PER_PROGRESS = 4096


def convert(source: Input, target: Path, seconds: int, end: float | None) -> Finding:
    """Write the frames of a recording, or the last so many seconds of a simulated bank.

    ``end`` is when the last frame of a recording with relative times came: no others are taken.
    ``target`` is there only when it is whole.  Raises OSError, also if ``target`` exists.
    """
    suffix = next((each for each in WRITABLE if target.name.lower().endswith(each)), None)
    if suffix is None:
        return Finding(False, f"{target}: expected a name that ends in {', '.join(WRITABLE)}")
    frames: Recording | Simulation
    with new_file(target, suffix) as unfinished:  # python-can looks at all dots of a name
        if source.kind == SIMULATOR:
            frames = Simulation(int(source.name), seconds)
        else:
            frames = Recording(source.name, end, stored=True)
            if frames.live:
                return Finding(False, f"{source}: expected a file; record with 'candump -L' first")
        with Progress(frames):
            count = _write(frames, unfinished)
    return Finding(True, f"{target}: {count} frames of batteries")


class Simulation:
    """The frames of a simulated bank, until now; measured in them, as a file is in bytes."""

    def __init__(self, batteries: int, seconds: int) -> None:
        self.progress: Callable[[], None] = lambda: None
        self.size = seconds
        self.position = 0
        self._start = time.time() - seconds
        self._batteries = batteries

    def __iter__(self) -> Iterator[Frame]:
        for count, frame in enumerate(simulator.frames(self._batteries, self._start)):
            elapsed = frame[2] - self._start
            if elapsed >= self.size:
                return
            if not count % _FRAMES_PER_PROGRESS:
                self.position = int(elapsed)
                self.progress()
            yield frame


def _write(events: Iterable[Event], path: Path) -> int:
    """Write frames into a file by python-can; return how many."""
    import can

    count = 0
    first = None
    # All writers of our formats have a file, which a full disk keeps them from closing.
    writer: Any = can.Logger(path)
    with closing(writer.file):
        for event in events:
            if event is Silence.SECOND:
                continue
            can_id, data, stamp = event
            if first is None:
                first = stamp
                match writer:
                    case can.ASCWriter():
                        writer.log_event(_BY, _start(stamp))
                    case can.TRCWriter():
                        writer.filepath = _BY  # where we write is nobody's business
                    case can.BLFWriter():
                        # python-can 4.5 has the same two faults with it.
                        writer.start_timestamp = _start(stamp)
            # Most formats cannot say that a frame is older than the first.
            stamp = max(stamp, first)
            writer.on_message_received(can.Message(stamp, can_id, False, data=data, channel=_BUS))
            count += 1
        writer.stop()
    return count


def _start(first: float) -> float:
    """When an .asc begins: python-can cuts its date after the milliseconds, and readers take an
    hour that comes twice, in autumn, for the first of the two."""
    return datetime.fromtimestamp(int(first)).replace(fold=0).timestamp()
