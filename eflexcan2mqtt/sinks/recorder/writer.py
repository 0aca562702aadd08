"""Recordings and what was learned out of a queue, to disk: the thread that may wait."""

from __future__ import annotations

import gzip
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from queue import Queue
from typing import Any, NamedTuple

from ...protocol.blocks import BATTERIES, PAYLOAD_BYTES, STATUS
from ...protocol.fields import field
from ...protocol.triggers import Learned, Trigger
from ...protocol.values import Serial
from .. import whole_file
from .folder import SUFFIX, NoRoomError, make_room, recordings
from .ring import Chunk

log = logging.getLogger(__name__)

LEARNED = "recorder.json"

MOST_JOBS = 32
_MB = 1_000_000
_MONTH = "%Y-%m"

# The only frame with a serial number, which fills it.
_SERIAL_MARKER = STATUS.markers[field("battery_id").offset // PAYLOAD_BYTES]
_NUMBERS = {STATUS.base_id + battery: battery for battery in BATTERIES}


class RecordingPart(NamedTuple):
    """Frames of the recording of this name; the ``last`` ones, or more come."""

    name: str
    trigger: Trigger
    chunks: Sequence[Chunk]
    last: bool


class RecordingsWriter:
    """Takes jobs from ``queue`` until there comes None; never raises for what the disk does."""

    def __init__(
        self,
        folder: Path,
        max_mb: float,
        *,
        anonymize: bool = True,
        today: Callable[[], datetime] = datetime.now,
    ) -> None:
        self.queue: Queue[RecordingPart | Learned | None] = Queue(MOST_JOBS)
        self.folder, self.anonymize = folder, anonymize
        self._max_bytes = max_mb * _MB
        self._mask = _Mask()
        self._today = today
        self._unfinished: dict[str, tuple[Path, bytes, int]] = {}  # and its size on the disk
        self._state = b""  # as it is on the disk
        self._fails = False  # to keep what was learned
        self._month = ""

    def read(self) -> Learned:
        """What the runs before have learned; call it before the thread is started."""
        path = self.folder / LEARNED
        try:
            self._state = path.read_bytes()
            state: dict[str, Any] = json.loads(self._state)
            learned = Learned.from_json(state)
            self._month = str(state["month"])
        except FileNotFoundError:
            return Learned()
        except OSError as error:
            log.warning("%s: %s; what is usual is learned anew", path, error.strerror or error)
            return Learned()
        except (ValueError, KeyError, RecursionError):
            log.warning("%s: damaged; what is usual is learned anew", path)
            return Learned()
        return learned

    def run(self) -> None:
        """The thread."""
        while (job := self.queue.get()) is not None:
            match job:
                case RecordingPart():
                    self._record(job)
                case Learned():
                    self._keep(job)

    def _record(self, part: RecordingPart) -> None:
        """Write it at its beginning, and again, longer, at its end."""
        path, before, size = self._unfinished.pop(part.name, (None, b"", 0))
        path = path or self._free(part.name)
        # Members of gzip can follow each other: the file is whole with one and with both.
        content = before + gzip.compress(b"".join(self._lines(part.chunks)), mtime=0)
        problem = ""
        try:
            needed = len(content) - size
            gone = make_room(self.folder, needed, self._max_bytes, part.trigger.kind)
            whole_file.replace(path, content)
        except NoRoomError:
            problem = "no room below [recorder] max_mb"
        except OSError as error:
            problem = error.strerror or str(error)
        else:
            if not size:
                log.info("recording %s: %s", path.name, part.trigger.text)
            if gone:
                log.info("deleted for it: %s", ", ".join(gone))
            size = len(content)
        if not part.last:
            self._unfinished[part.name] = path, content, size
        elif problem:
            log.warning("%s: %s; not recorded: %s", path, problem, part.trigger.text)

    def _free(self, name: str) -> Path:
        """Where it goes; a clock that was set back may have made the same name before."""
        stem = name.removesuffix(SUFFIX)
        names = (f"{stem}{f'-{number}' if number else ''}{SUFFIX}" for number in count())
        return next(path for path in map(self.folder.joinpath, names) if not path.exists())

    def _lines(self, chunks: Sequence[Chunk]) -> Iterator[bytes]:
        """As ``candump -L`` writes them."""
        for can_id, data, time in (frame for chunk in chunks for frame in chunk.frames()):
            shown = self._mask(can_id, data) if self.anonymize else data
            yield f"({time:.6f}) can0 {can_id:03X}#{shown.hex().upper()}\n".encode()

    def _keep(self, learned: Learned) -> None:
        month = self._today().strftime(_MONTH)
        if self._month and month > self._month:
            self._summarize(self._month, learned)
        # A clock that is behind for a while ends no month.
        self._month = max(month, self._month)
        state = json.dumps({**learned.to_json(), "month": self._month}).encode()
        if state == self._state:
            return
        try:
            whole_file.replace(self.folder / LEARNED, state)
        except OSError as error:
            if not self._fails:
                log.warning(
                    "%s: %s; what is usual is learned anew after the next start",
                    *(self.folder / LEARNED, error.strerror or error),
                )
            self._fails = True
        else:
            self._state, self._fails = state, False

    def _summarize(self, month: str, learned: Learned) -> None:
        try:
            found = [each for each in recordings(self.folder) if f"{each.time:{_MONTH}}" == month]
        except OSError:
            return
        kinds = Counter(each.kind for each in found)
        what = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
        muted = ", ".join(learned.muted)
        muted = f"; bytes that change often, and trigger none: {muted}" if muted else ""
        log.info("recordings of %s: %s%s", month, what or "none", muted)


class _Mask:
    """Other serial numbers: a battery's comes from its number, so it has the same in all
    recordings; a second battery under that number gets another one."""

    def __init__(self) -> None:
        self._data: defaultdict[int, dict[bytes, bytes]] = defaultdict(dict)

    def __call__(self, can_id: int, data: bytes) -> bytes:
        if data[0] != _SERIAL_MARKER or can_id not in _NUMBERS:
            return data
        known = self._data[can_id]
        if data not in known:
            index = _NUMBERS[can_id] - 1 + len(known) * len(BATTERIES)
            known[data] = data[:1] + Serial().made_up(index)
        return known[data]
