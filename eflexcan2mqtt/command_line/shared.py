"""The options and arguments that commands share, each added to a parser."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..sinks import MQTT, OUTPUTS
from ..sources import BUS, DEFAULT_BATTERIES, Input
from . import texts


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        *("-c", "--config", "--config_path"),
        metavar="FILE",
        type=Path,
        help="INI file (default: ./eflexcan2mqtt.ini if there is one, else /etc/eflexcan2mqtt.ini)",
    )


def add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        metavar="SOURCE",
        type=texts.source,
        default=Input(BUS, ""),
        help="can[:CHANNEL] (default: the bus in [can]) | simulator[:N] (N batteries, default "
        f"{DEFAULT_BATTERIES}) | FILE | - : a recording by candump, python-can or SavvyCAN",
    )
    add_end(parser)


def add_recordings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recordings", metavar="RECORDING", nargs="+", help="a file, as --input reads it"
    )
    add_end(parser)


def add_end(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--end",
        metavar="TIME",
        type=texts.end,
        help="when the last frame of a recording came, if its times are relative: local time as "
        "'2024-05-17 23:05:39', another one with Z or +02:00 behind, or seconds since 1970",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        choices=OUTPUTS,
        default=MQTT,
        help=" | ".join(f"{name}: {each.help}" for name, each in OUTPUTS.items()),
    )
