"""What the command line asks for: one command, with its options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..sinks import OUTPUTS
from ..sources import RECORDING, Input

if TYPE_CHECKING:
    from ..sources.faults import Fault


@dataclass(frozen=True)
class Run:
    """Read an input and send its cycles to an output; ``speed`` and ``fields`` may be unset.

    ``end`` is when the last frame of a recording came, in seconds since 1970, if that is given.
    ``faults`` are those of the simulator.
    """

    config: Path | None
    input: Input
    output: str
    fields: str | None
    speed: float | None
    end: float | None
    verbose: bool
    faults: tuple[Fault, ...] = ()

    def pace(self, live: bool) -> float:
        """How fast a recording is played: from or to a pipe without waiting, else as recorded."""
        if self.speed is not None:
            return self.speed
        piped = OUTPUTS[self.output].piped and self.input.kind == RECORDING
        return 0.0 if live or piped else 1.0


@dataclass(frozen=True)
class Check:
    """Say what is wrong with the INI, and with what the input and the output need."""

    config: Path | None
    input: Input
    output: str
    end: float | None


@dataclass(frozen=True)
class Forget:
    """Remove a battery, or the bank, from Home Assistant."""

    config: Path | None
    battery_id: str


@dataclass(frozen=True)
class Anonymize:
    """Write a recording again with made-up serial numbers."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Convert:
    """Write a recording, or so many seconds of the simulator, in another format."""

    source: Input
    target: Path
    seconds: int
    end: float | None


@dataclass(frozen=True)
class ImportHistory:
    """Add recordings to the history."""

    config: Path | None
    recordings: tuple[str, ...]
    end: float | None


@dataclass(frozen=True)
class Judge:
    """The command evidence: count how well recordings agree with what is known of the fields.

    ``json``: for machines.
    """

    recordings: tuple[str, ...]
    end: float | None
    json: bool


@dataclass(frozen=True)
class Dbc:
    """Print the DBC file."""


@dataclass(frozen=True)
class Explore:
    """Say what the unknown bytes in recordings follow; also as the page ``html``, if given."""

    recordings: tuple[str, ...]
    end: float | None
    html: Path | None


@dataclass(frozen=True)
class Health:
    """Say whether the program that runs here is alive."""


@dataclass(frozen=True)
class Version:
    """Say which version this is; ``verbose``: also how it was built and installed."""

    verbose: bool


Reporting = Forget | Anonymize | Convert | ImportHistory | Judge | Explore | Health
"""What only says what it found or did."""

Command = Run | Check | Dbc | Version | Reporting
