"""Recordings and what was learned out of a queue, to disk: the thread that may wait."""

from __future__ import annotations

import gzip
import io
import json
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from queue import Queue
from typing import Any, NamedTuple

from ...protocol.blocks import BATTERIES, STATUS, as_candump
from ...protocol.fields import field
from ...protocol.triggers import Learned, Trigger
from ...protocol.values import Serial
from .. import whole_file
from ..clock_state import synchronized
from .folder import SUFFIX, UNFINISHED, NoRoomError, make_room
from .ring import Chunk

log = logging.getLogger(__name__)

LEARNED = "recorder.json"

MOST_JOBS = 32
_MB = 1_000_000
_MONTH = "%Y-%m"

# The only frame with a serial number, which fills it.
_SERIAL_MARKER = field("battery_id").marker
_NUMBERS = {STATUS.base_id + battery: battery for battery in BATTERIES}


class RecordingPart(NamedTuple):
    """Frames of the recording of this name; the ``last`` ones, or more come."""

    name: str
    trigger: Trigger
    chunks: Sequence[Chunk]
    last: bool


class _Begun(NamedTuple):
    """A recording whose end is to come; ``path`` is None if no name could be found."""

    path: Path | None
    content: bytes
    mask: _Mask
    written: bool


class RecordingsWriter:
    """Takes jobs from ``queue`` until there comes None; never raises for what the disk does.

    ``lost`` are the kinds of recordings that could not be written; another thread takes them out.
    """

    def __init__(
        self,
        folder: Path,
        max_mb: float,
        *,
        anonymize: bool = True,
        today: Callable[[], datetime] = datetime.now,
        is_synchronized: Callable[[], bool] = synchronized,
    ) -> None:
        self.queue: Queue[RecordingPart | Learned | None] = Queue(MOST_JOBS)
        self.folder, self.anonymize = folder, anonymize
        self._max_bytes = max_mb * _MB
        self._today, self._is_synchronized = today, is_synchronized
        self.lost: deque[str] = deque(maxlen=MOST_JOBS)
        self._unfinished: dict[str, _Begun] = {}
        self._caught: Counter[str] = Counter()  # in this month
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
            self._caught = Counter({str(kind): int(n) for kind, n in state["caught"].items()})
        except FileNotFoundError:
            return Learned()
        except OSError as error:
            log.warning("%s: %s; what is usual is learned anew, for a day", path, error.strerror)
            return Learned()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            aside = whole_file.set_aside(path)
            log.warning(
                "%s: damaged; renamed to %s; what is usual is learned anew, for a day",
                *(path, aside.name),
            )
            return Learned()
        return learned

    def run(self) -> None:
        """The thread."""
        with suppress(OSError):
            for leftover in self.folder.glob(f"*{UNFINISHED}"):
                leftover.unlink()
        while (job := self.queue.get()) is not None:
            match job:
                case RecordingPart():
                    self._record(job)
                case _:
                    self._keep(job)

    def _record(self, part: RecordingPart) -> None:
        """Write it at its beginning, and again, longer, at its end."""
        begun = self._unfinished.pop(part.name, None)
        # Members of gzip can follow each other: the file is whole with one and with both.
        mask = begun.mask if begun else _Mask()
        content = (begun.content if begun else b"") + self._packed(part.chunks, mask)
        path = begun.path if begun else None
        try:
            path = path or self._free(part.name)
            size, kind = len(content), part.trigger.kind
            make_room(self.folder, path.name, size, self._max_bytes, kind)
            whole_file.replace(path, content)
        except (OSError, NoRoomError) as error:
            self._fail(part, begun, error)
        else:
            if not (begun and begun.written):
                log.info("recording %s: %s", path.name, part.trigger.text)
                self._caught[part.trigger.kind] += 1
            if not part.last:
                self._unfinished[part.name] = _Begun(path, content, mask, written=True)
            return
        if not part.last:
            self._unfinished[part.name] = _Begun(path, content, mask, written=False)

    def _fail(self, part: RecordingPart, begun: _Begun | None, error: Exception) -> None:
        """What failed at the beginning is tried again with the end."""
        if not part.last:
            return
        lost = "its last minute is missing" if begun and begun.written else "not recorded"
        reason = "no room below [recorder] max_mb"
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
        log.warning("%s: %s; %s: %s", self.folder / part.name, reason, lost, part.trigger.text)
        if not (begun and begun.written):
            self.lost.append(part.trigger.kind)

    def _free(self, name: str) -> Path:
        """Where it goes; a clock that was set back may have made the same name before."""
        stem = name.removesuffix(SUFFIX)
        names = (f"{stem}{f'-{number}' if number else ''}{SUFFIX}" for number in count())
        return next(path for path in map(self.folder.joinpath, names) if not path.exists())

    def _packed(self, chunks: Sequence[Chunk], mask: _Mask) -> bytes:
        """As ``candump -L`` writes them, gzipped."""
        packed = io.BytesIO()
        with gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as file:
            for chunk in chunks:
                file.write(b"".join(self._lines(chunk, mask)))
        return packed.getvalue()

    def _lines(self, chunk: Chunk, mask: _Mask) -> Iterator[bytes]:
        for can_id, data, time in chunk.frames():
            shown = mask(can_id, data) if self.anonymize else data
            yield f"{as_candump((can_id, shown, time))}\n".encode()

    def _keep(self, learned: Learned) -> None:
        month = self._today().strftime(_MONTH)
        # A clock that is wrong ends no month.
        if month != self._month and self._is_synchronized():
            if self._month:
                self._summarize(learned)
            self._month = month
            self._caught.clear()
        kept = {**learned.to_json(), "month": self._month, "caught": self._caught}
        state = json.dumps(kept).encode()
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

    def _summarize(self, learned: Learned) -> None:
        caught = ", ".join(f"{number} {kind}" for kind, number in sorted(self._caught.items()))
        muted = ", ".join(learned.muted)
        muted = f"; bytes that change often, and trigger none: {muted}" if muted else ""
        log.info("recordings of %s: %s%s", self._month, caught or "none", muted)


class _Mask:
    """Other serial numbers for a recording: a battery's comes from its number, so it has the same
    in all recordings; a second battery under that number gets another one."""

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
