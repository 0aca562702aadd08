"""What the command line may say. Usage errors end the process with status 2."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import NamedTuple

from . import __version__
from .protocol.bank import BANK
from .protocol.blocks import BATTERIES
from .protocol.fields import STAGES
from .protocol.values import Serial

BUS, SIMULATOR, LOG = "can", "simulator", "log"
DEFAULT_BATTERIES = 14
PIPED = ("json", "influx", "bytes")
"""The outputs that nobody watches: a log goes there as fast as they take it."""


class Input(NamedTuple):
    """What ``--input`` names: ``name`` is the channel, the number of batteries or the file."""

    kind: str
    name: str


class Options(argparse.Namespace):
    """The command line, parsed; None is what it did not say."""

    config: Path | None
    input: Input
    output: str
    fields: str | None
    speed: float | None
    check: bool
    forget: str | None
    anonymize: list[Path] | None
    verbose: bool

    def pace(self) -> float:
        """How fast a recording is played: a log for a pipe at once, all else as recorded."""
        if self.speed is not None:
            return self.speed
        return 0.0 if self.output in PIPED and self.input.kind == LOG else 1.0


def parse(arguments: list[str] | None = None) -> Options:
    """Parse the given arguments, or those of the process."""
    parser = argparse.ArgumentParser(
        prog="eflexcan2mqtt",
        description="Fortress Power eFlex batteries from their CAN bus to MQTT.",
    )
    parser.add_argument(
        *("-c", "--config", "--config_path"),
        metavar="FILE",
        type=Path,
        help="INI file (default: ./eflexcan2mqtt.ini if there is one, else /etc/eflexcan2mqtt.ini)",
    )
    parser.add_argument(
        "--input",
        metavar="SOURCE",
        type=_source,
        default=Input(BUS, ""),
        help="can[:CHANNEL] (default: the bus in [can]) | simulator[:N] (N batteries, default "
        f"{DEFAULT_BATTERIES}) | FILE | - : a candump log",
    )
    parser.add_argument(
        "--output",
        choices=("mqtt", *PIPED, "table"),
        default="mqtt",
        help="mqtt (default) | json : one array a line on stdout | influx : InfluxDB's line "
        "protocol on stdout, a line for each battery | table : a live table in the terminal | "
        "bytes : what is sent, with letters for what is known of it, and what is not",
    )
    parser.add_argument("--fields", choices=STAGES, help="overrides [mqtt] fields")
    parser.add_argument(
        "--speed",
        metavar="X",
        type=_speed,
        help="pace of a log or of the simulator: 1 as recorded, 10 ten times as fast, 0 without "
        "waiting (default: 0 for a log to json, influx or bytes, else 1)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="say what is wrong with the INI, the CAN interface and the broker, or that all is "
        "well; then exit",
    )
    parser.add_argument(
        "--forget",
        metavar="BATTERY_ID",
        type=_battery,
        help="take a battery that has left for good out of Home Assistant (or 'bank', all that "
        "is said of the bank); then exit",
    )
    parser.add_argument(
        "--anonymize",
        nargs=2,
        metavar=("IN", "OUT"),
        type=Path,
        help="write a candump log again with made-up serial numbers; then exit",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log details, too")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser.parse_args(arguments, Options())


def _source(text: str) -> Input:
    kind, _, name = text.partition(":")
    if kind == BUS:
        return Input(BUS, name)
    if kind == SIMULATOR:
        if name and not (name.isdecimal() and int(name) in BATTERIES):
            raise argparse.ArgumentTypeError(
                f"'{text}': expected {BATTERIES[0]} to {BATTERIES[-1]} batteries"
            )
        return Input(SIMULATOR, name or str(DEFAULT_BATTERIES))
    if not text:
        raise argparse.ArgumentTypeError("expected can, simulator, a file or -")
    if re.fullmatch(r"v?can\d+", text) and not Path(text).exists():
        raise argparse.ArgumentTypeError(f"'{text}': no such file; did you mean 'can:{text}'?")
    return Input(LOG, text)


def _battery(text: str) -> str:
    if text != BANK:
        try:
            Serial().encode(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 <= speed < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}': expected a number, 0 or more")
    return speed
