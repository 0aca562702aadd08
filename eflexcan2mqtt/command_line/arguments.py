"""The command line in, one command with its options out. Usage errors end with status 2.

A command stands first and has a parser and a help of its own; without one the program runs.
The flags of 1.2 (``--check`` and others) stay as other names of the commands.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ..sources import RECORDING, SIMULATOR
from . import options
from .parsers import HELP, SIMULATED_S, parser

if TYPE_CHECKING:
    from ..sources.faults import Fault


def parse(arguments: list[str] | None = None) -> options.Command:
    """Parse the given arguments, or those of the process."""
    words = sys.argv[1:] if arguments is None else arguments
    if "--version" in words:
        return options.Version(verbose=not {"-v", "--verbose"}.isdisjoint(words))
    name = words[0] if words and words[0] in HELP else ""
    chosen = parser(name)
    found = chosen.parse_args(words[1:] if name else words)
    command: options.Command
    match name or _flag(found):
        case "health":
            command = options.Health()
        case "anonymize":
            command = options.Anonymize(found.source, found.target)
        case "convert":
            end = _end_of(chosen, found)
            command = options.Convert(found.input, found.target, _seconds_of(chosen, found), end)
        case "dbc":
            command = options.Dbc()
        case "import-history":
            command = options.ImportHistory(found.config, tuple(found.recordings), found.end)
        case "evidence":
            command = options.Judge(tuple(found.recordings), found.end, found.json)
        case "explore":
            command = options.Explore(tuple(found.recordings), found.end, found.html)
        case "forget":
            command = options.Forget(found.config, found.battery_id)
        case "check":
            end = _end_of(chosen, found)
            command = options.Check(found.config, found.input, found.output, end)
        case _:
            end = _end_of(chosen, found)
            command = options.Run(
                *(found.config, found.input, found.output, found.fields, found.speed),
                *(end, found.verbose, _faults_of(chosen, found)),
            )
    return command


def _flag(found: argparse.Namespace) -> str:
    """The command of a flag of 1.2, with what follows it as that command names it."""
    if found.check:
        return "check"
    if found.forget is not None:
        found.battery_id = found.forget
        return "forget"
    if found.anonymize is not None:
        found.source, found.target = found.anonymize
        return "anonymize"
    return "run"


def _end_of(parser: argparse.ArgumentParser, found: argparse.Namespace) -> float | None:
    if found.end is not None and found.input.kind != RECORDING:
        parser.error("--end is for a recording")
    end: float | None = found.end
    return end


def _seconds_of(parser: argparse.ArgumentParser, found: argparse.Namespace) -> int:
    if found.seconds is None:
        return SIMULATED_S
    if found.input.kind != SIMULATOR:
        parser.error("--seconds is for the simulator")
    seconds: int = found.seconds
    return seconds


def _faults_of(parser: argparse.ArgumentParser, found: argparse.Namespace) -> tuple[Fault, ...]:
    if found.faults is None:
        return ()
    if found.input.kind != SIMULATOR:
        parser.error("--faults is for the simulator: --input simulator")
    from ..sources import faults

    try:
        return faults.parse(found.faults, int(found.input.name))
    except ValueError as error:
        parser.error(f"argument --faults: {error}")
