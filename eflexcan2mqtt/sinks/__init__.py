"""Where cycles go: what a sink is, and the table of outputs.

To add an output, write a module here with ``make(context)`` that returns a Sink, and add a line
to OUTPUTS.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..protocol.energy import EnergySession
from ..protocol.findings import BankFinding
from ..protocol.reading import Reading

if TYPE_CHECKING:
    from ..settings.schema import Config
    from .history.past import Past
    from .recorder.sink import Recorder


class Sink(ABC):
    """One output."""

    @abstractmethod
    def publish(self, cycle: list[Reading]) -> None:
        """Take the readings of one cycle, sorted by battery number, never empty.

        Returns at once, or blocks its source as a pipe does.  Raises OSError when the output
        cannot be written, BrokenPipeError when its reader is gone.
        """

    def tick(self) -> None:  # noqa: B027 (most have nothing to do)
        """Called about once a second, with or without cycles."""

    def health(self) -> dict[str, Any]:
        """What it says of itself, JSON-ready: it becomes part of ``Context.health``."""
        return {}

    def drained(self) -> bool:
        """The input has ended: is everything out that ever will be? Asked until it is."""
        return True

    def close(self) -> int:
        """End within two seconds; return how many arrays did not get out."""
        return 0


@dataclass(frozen=True)
class Context:
    """What a sink may use.

    ``clock`` is the time by which the input goes, in seconds: a recording has its own.
    ``live`` is whether the input cannot be kept waiting, as a bus; ``recorded`` whether it is a
    recording.  ``interruptible`` surrounds a call that may block: a signal ends it.  ``health``
    is how the program is, JSON-ready: counters of the bus, the state of the broker if there is
    one, and what needs attention.  ``attention`` is that list, the worst first: a cycle is in it
    before the sinks get it.  ``energy`` is what was counted since the start, also with that cycle.
    ``past`` is asked for history, and ``recorder`` for recordings; None if there are none.
    """

    config: Config
    clock: Callable[[], float]
    live: bool
    recorded: bool
    interruptible: AbstractContextManager[None]
    health: Callable[[], dict[str, Any]]
    attention: Callable[[], Sequence[BankFinding]]
    energy: Callable[[], EnergySession]
    past: Past | None = None
    recorder: Recorder | None = None


@dataclass(frozen=True)
class Output:
    """A row of the table: the module in this folder that makes the sink, and what it is.

    ``piped``: nobody watches it, so a recording is read as fast as it is taken.  ``with_page``:
    ``[web] listen`` adds the page to it.  ``keeps``: with a live input there are history and
    recorder.  ``stores``: what it gets is kept with its time, which must not be guessed.
    """

    module: str
    help: str
    piped: bool = False
    with_page: bool = False
    keeps: bool = False
    stores: bool = False

    def make(self, context: Context) -> Sink:
        """Load the module and make its sink."""
        sink: Sink = import_module(f".{self.module}", __name__).make(context)
        return sink


MQTT = "mqtt"

OUTPUTS = {
    MQTT: Output("mqtt", "arrays to the broker (default)", with_page=True, keeps=True, stores=True),
    "web": Output("web", "a page for browsers, without a broker", keeps=True),
    "json": Output("json_lines", "one array a line on stdout", piped=True),
    "influx": Output("influx", "InfluxDB's line protocol on stdout", piped=True, stores=True),
    "table": Output("table", "a live table in the terminal"),
    "bytes": Output("byte_view", "raw bytes, with letters for what is known", piped=True),
}
"""The choices of ``--output``."""

PAGE = OUTPUTS["web"]
