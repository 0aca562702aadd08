"""The name of a command in, its parser with its help out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from ..protocol.fields import STAGES
from ..sinks import OUTPUTS
from ..sources import DEFAULT_BATTERIES, SIMULATOR, WRITABLE
from . import shared, texts

PROGRAM = "eflexcan2mqtt"

SIMULATED_S = 60
"""So much of the simulator is converted, unless the command line says more."""

HELP = {
    "run": "read an input and send its cycles to an output (this is the default)",
    "check": "check the INI, the CAN interface and the broker",
    "forget": "remove a battery from Home Assistant, or let the counters of energy begin at 0",
    "anonymize": "write a candump recording again with made-up serial numbers",
    "convert": "write a recording, or the simulated bank, in the format of another program",
    "dbc": "print a DBC file, by which other CAN programs show what the batteries send",
    "import-history": "add recordings to the history of the service, which must be stopped",
    "evidence": "count how well recordings agree with what is known of the fields",
    "explore": "look in recordings for what the bytes that nobody understands follow",
    "health": "say whether the service, or the program in this container, is alive",
}


def parser(name: str = "") -> argparse.ArgumentParser:
    """The parser of a command; without a name that of a line that does not begin with one."""
    if name in {"", "run"}:
        return _run(aliases=not name)
    made = _Parser(
        prog=f"{PROGRAM} {name}", description=f"{HELP[name][:1].upper()}{HELP[name][1:]}."
    )
    match name:
        case "anonymize":
            made.add_argument("source", metavar="IN", type=Path, help="a candump recording")
            made.add_argument("target", metavar="OUT", type=Path, help="a new file")
        case "check":
            shared.add_config(made)
            shared.add_input(made)
            shared.add_output(made)
        case "convert":
            made.add_argument(
                "input",
                metavar="IN",
                type=texts.file,
                help=f"{SIMULATOR}[:N] (N batteries, default {DEFAULT_BATTERIES}), or a recording "
                "in any format that can be read",
            )
            made.add_argument(
                "target",
                metavar="OUT",
                type=Path,
                help="a file that is not there yet; its name ends in "
                f"{', '.join(WRITABLE[:-1])} or {WRITABLE[-1]}",
            )
            made.add_argument(
                "--seconds",
                metavar="SECONDS",
                type=texts.seconds,
                help=f"how much of the simulator, 1 to {texts.LONGEST_S} (default: {SIMULATED_S})",
            )
            shared.add_end(made)
        case "evidence":
            shared.add_recordings(made)
            made.add_argument("--json", action="store_true", help="print a JSON object instead")
        case "explore":
            shared.add_recordings(made)
            made.add_argument(
                "--html",
                metavar="PAGE",
                type=Path,
                help="a file for the same as a page with charts",
            )
        case "forget":
            shared.add_config(made)
            made.add_argument(
                "battery_id",
                metavar="BATTERY_ID",
                type=texts.battery,
                help="the serial number of a battery that has left for good, 'bank' for the bank "
                "as a whole, or 'energy' for the counters of energy",
            )
        case "import-history":
            shared.add_config(made)
            shared.add_recordings(made)
    return made  # dbc and health have no options


def _run(aliases: bool) -> argparse.ArgumentParser:
    made = _Parser(
        prog=PROGRAM if aliases else f"{PROGRAM} run",
        description="Fortress Power eFlex batteries from their CAN bus to MQTT.",
        epilog=_commands() if aliases else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shared.add_config(made)
    shared.add_input(made)
    shared.add_output(made)
    made.add_argument(
        "--fields",
        choices=STAGES,
        help="which fields the arrays show; overrides [mqtt] fields",
    )
    made.add_argument(
        "--speed",
        metavar="X",
        type=texts.speed,
        help="pace of a recording or of the simulator: 1 as recorded, 10 ten times as fast, 0 "
        "without waiting (default: 0 for a recording from a pipe or to "
        f"{', '.join(name for name, each in OUTPUTS.items() if each.piped)}, else 1)",
    )
    made.add_argument(
        "--faults",
        metavar="LIST",
        help="faults of the simulated bank, such as 'relay_open:3@60s, cell_low:7:12@2m-10m'",
    )
    made.add_argument("-v", "--verbose", action="store_true", help="log details as well")
    if aliases:
        _add_aliases(made)
    return made


class _Parser(argparse.ArgumentParser):
    """Knows every command's name: one that does not stand first gets a hint."""

    def __init__(self, **options: object) -> None:
        super().__init__(allow_abbrev=False, **options)  # type: ignore[arg-type]
        self.add_argument(
            "--version",
            action="store_true",
            help="show the version; with -v also how it was built and installed",
        )

    def error(self, message: str) -> NoReturn:
        prefix = "unrecognized arguments: "
        words = message.removeprefix(prefix).split() if message.startswith(prefix) else []
        for word in words:
            if word in HELP:
                message = f"{message}; a command comes first: {PROGRAM} {word} ..."
        super().error(message)


def _commands() -> str:
    rows = [f"  {name:14} {text}" for name, text in HELP.items()]
    note = f"{PROGRAM} COMMAND --help shows the options of a command."
    return "\n".join(["commands, each as the first argument:", *rows, "", note])


def _add_aliases(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true", help="as the command check")
    group.add_argument(
        "--forget", metavar="BATTERY_ID", type=texts.battery, help="as the command forget"
    )
    group.add_argument(
        "--anonymize",
        nargs=2,
        metavar=("IN", "OUT"),
        type=Path,
        help="as the command anonymize",
    )
