"""Arguments in, a command or the daemon; an exit status out."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from . import daemon
from .arguments import parse
from .commands import Caveat, Finding
from .options import Anonymize, Check, Command, Forget, Run
from .process import streams
from .process.stop import Stop, Stopped
from .settings import secrets, topics
from .settings.load import DEFAULT_PATHS, ConfigError, load
from .settings.schema import Config
from .sources import BUS, Input

log = logging.getLogger(__name__)

ENDED, FAILED, BAD_CONFIG = 0, 1, 78


def main(arguments: list[str] | None = None) -> int:
    """Run; return the exit status."""
    streams.make_usable()
    try:
        try:
            status = _run(parse(arguments))
        except SystemExit as end:  # of argparse, which has printed what there is to say
            status = int(end.code or ENDED)
        sys.stdout.flush()
    except ConfigError as error:
        if logging.root.handlers:  # found while running
            log.critical("%s", error)
        else:
            sys.stderr.write(f"{error}\n")
        return BAD_CONFIG
    except ModuleNotFoundError as error:
        from .process.packages import remedy

        what_to_do = remedy(error)
        if what_to_do is None:
            raise
        sys.stderr.write(f"{what_to_do}\n")
        return BAD_CONFIG
    except (BrokenPipeError, Stopped):
        # The reader of our output has seen enough.
        status = ENDED
    except OSError as error:
        # A full disk or a missing file: its name says more than a traceback.
        log.error("%s: %s", error.filename or "output", error.strerror)  # noqa: TRY400
        status = FAILED
    else:
        return status
    # The rest of the output would be written at exit: nobody can read it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return status


def _run(command: Command) -> int:
    stop = Stop()
    stop.install()
    match command:
        case Run():
            ini, config = _settings(command.config)
            config = _with_input(config, command.input)
            if command.fields:
                config = replace(config, mqtt=replace(config.mqtt, fields=command.fields))
            return ENDED if daemon.run(command, ini, config, stop) else FAILED
        case Check():
            from .commands.check import check

            ini, config = _settings(command.config)
            with stop:
                config = _with_input(config, command.input)
                findings = check(config, command.input, command.output, ini, command.end)
                return _print(findings, marked=True)
        case Forget():
            from .commands.forget import SECTIONS, forget

            _, config = _settings(command.config, SECTIONS)
            with stop:
                return _print([forget(config, command.battery_id)])
        case Anonymize():
            from .commands.anonymize import anonymize

            with stop:
                return _print([anonymize(command.source, command.target)])


def _settings(
    path: Path | None, sections: frozenset[str] | None = None
) -> tuple[Path | None, Config]:
    """The INI that was named, or that is there, and what it says; raises ConfigError."""
    path = path or next((each for each in DEFAULT_PATHS if each.exists()), None)
    if not path:
        return None, Config()
    config = load(path, sections)
    for file in secrets.exposed(path, config):
        sys.stderr.write(f"{secrets.warning(file, path)}\n")
    used = {
        "[mqtt] topic": config.mqtt.topic,
        "[homeassistant] prefix": config.homeassistant.prefix,
    }
    for caution in topics.cautions(used):
        sys.stderr.write(f"{path}: {caution}\n")
    return path, config


def _with_input(config: Config, source: Input) -> Config:
    """``--input can:CHANNEL`` overrides the INI's channel."""
    if source.kind == BUS and source.name:
        return replace(config, can=replace(config.can, channel=source.name))
    return config


def _print(findings: Iterable[Finding], marked: bool = False) -> int:
    """Print findings; whether all are good, as an exit status."""
    good = True
    for finding in findings:
        match finding:
            case Caveat():
                mark = "warn"
            case _:
                mark = "ok" if finding.good else "BAD"
        stream = sys.stdout if finding.good or marked else sys.stderr
        stream.write(f"{mark:3} {finding.text}\n" if marked else f"{finding.text}\n")
        good = good and finding.good
    return ENDED if good else FAILED
