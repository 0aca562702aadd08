"""Recordings in; what they hold becomes history, as if the service had heard it then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from ..bridge import Bridge
from ..process.progress import Progress
from ..protocol.attention import Attention
from ..protocol.events import Events
from ..protocol.limits import adjusted
from ..protocol.minutes import MINUTE_S, Minute, Minutes
from ..protocol.reading import Reading
from ..settings import secrets
from ..settings.schema import Config
from ..sinks.database import give_to_owner_of_folder
from ..sinks.history.store import History, HistoryBusyError, HistoryError
from ..sources.recording import Recording, no_reading
from . import Finding, unreadable
from .service_check import state_folder, unit_of

SECTIONS = frozenset({"storage", "history", "attention"})
"""The sections of the INI that it uses."""

_AT_ONCE = 20_000
"""Minutes of batteries that are in memory: about a day of a bank."""


def import_history(
    config: Config, names: Sequence[str], end: float | None, ini: Path | None
) -> Iterator[Finding]:
    """Add recordings to the history of the service, which must not run; one finding for each.

    ``end`` is when the last frame came, for recordings with relative times: of these, no other
    times are taken.  What is there already stays: a minute only changes if a recording has more
    of it.  All files belong to the owner of the folder, also if root imports.
    """
    if not config.history.max_mb:
        yield Finding(False, "[history] max_mb is 0: no history is kept")
        return
    folder = config.history.folder(config.storage) or state_folder(unit_of(ini))
    if folder is None:
        yield Finding(
            False, "no folder of a history is known here; for that of the service, use sudo"
        )
        return
    try:
        with closing(History(folder, live=False)) as history:
            give_to_owner_of_folder(history.path)
            for name in names:
                yield _import(history, config, name, end)
            history.finish()
    except HistoryBusyError as error:
        unit = secrets.service(ini or secrets.SERVICE_INI).removesuffix(".service")
        yield Finding(False, f"{error}; stop the service first: sudo systemctl stop {unit}")
    except HistoryError as error:
        yield Finding(False, str(error))


def _import(history: History, config: Config, name: str, end: float | None) -> Finding:
    try:
        recording = Recording(name, end, stored=True)
        if recording.live:
            return Finding(False, f"{name}: expected a file")
        with Progress(recording):
            recording.find_clock()
            imported = _Import(history, config)
            bridge = Bridge(imported.publish)
            bridge.run(recording)
            if not bridge.cycles:
                raise no_reading(name, bridge.assembler.frames, bridge.undecodable)
            imported.end()
    except OSError as error:
        return unreadable(name, error)
    first, last = (_local(each) for each in imported.times)
    return Finding(
        True,
        f"{name}: {first} to {last}, {imported.count} minutes of batteries and bank",
    )


class _Import:
    """Writes the minutes and events of one recording."""

    def __init__(self, history: History, config: Config) -> None:
        self.times = (0, 0)  # of the first and the last cycle
        self.count = 0
        self._history = history
        self._attention = Attention(adjusted(asdict(config.attention)))
        self._minutes, self._events = Minutes(), Events()
        self._ended: list[Minute] = []

    def publish(self, cycle: list[Reading]) -> None:
        now = max(each["time"] for each in cycle)
        self.times = (self.times[0] or now, now)
        self._ended += self._minutes.cycle(cycle)
        self._attention.cycle(cycle, now)
        self._events.cycle(cycle)
        self._events.attention(self._attention.findings, now)
        if len(self._ended) > _AT_ONCE:
            self._write()

    def end(self) -> None:
        """Write what is left."""
        self._ended += self._minutes.end()
        self._write()

    def _write(self) -> None:
        self.count += len(self._ended)
        self._history.write(self._ended, self._events.take())
        self._history.thin()
        self._ended = []


def _local(time: int) -> str:
    return datetime.fromtimestamp(time // MINUTE_S * MINUTE_S).isoformat(" ", "minutes")
