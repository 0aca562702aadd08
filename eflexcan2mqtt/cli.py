"""Arguments in, a command or the daemon; an exit status out."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from . import daemon
from .command_line import options
from .command_line.arguments import parse
from .commands import Caveat, Finding
from .process import pulse, streams
from .process.stop import Stop, Stopped
from .settings import environment, secrets, topics
from .settings.given import Origin
from .settings.load import DEFAULT_PATHS, ConfigError, load
from .settings.schema import Config
from .sources import BUS, Input

log = logging.getLogger(__name__)

ENDED, FAILED, BAD_USAGE, BAD_CONFIG, INTERRUPTED = 0, 1, 2, 78, 130

EXIT_STATUSES = {
    ENDED: "ended well, or run was stopped",
    FAILED: "failed while running, or a check found something wrong",
    BAD_USAGE: "wrong command line",
    BAD_CONFIG: "the INI is wrong, or what it asks for can never work; systemd does not start "
    "the program again",
    INTERRUPTED: "another command was stopped before it was done",
}


def main(arguments: list[str] | None = None) -> int:
    """Run; return the exit status."""
    streams.make_usable()
    stop = Stop()
    try:
        try:
            command = parse(arguments)
            try:
                status = _run(command, stop)
            except Stopped:
                # A service that is stopped while it starts has not failed.
                status = ENDED if isinstance(command, options.Run) else INTERRUPTED
        except SystemExit as end:  # of argparse, which has printed what there is to say
            status = int(end.code or ENDED)
        if stop.requested:
            # Only what a reader that stands still has not taken is left.
            _discard_output()
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
    except BrokenPipeError:
        # The reader of our output has seen enough.
        status = ENDED
    except OSError as error:
        # A full disk or a missing file: its name says more than a traceback.
        log.error("%s: %s", error.filename or "output", error.strerror)  # noqa: TRY400
        status = FAILED
    else:
        return status
    # The rest of the output would be written at exit: nobody can read it.
    _discard_output()
    return status


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _run(command: options.Command, stop: Stop) -> int:
    stop.install()
    match command:
        case options.Run():
            origin, config = _settings(command.config)
            config = _with_input(config, command.input)
            if command.fields:
                config = replace(config, mqtt=replace(config.mqtt, fields=command.fields))
            return ENDED if daemon.run(command, origin, config, stop) else FAILED
        case options.Check():
            from .commands.check import check

            origin, config = _settings(command.config)
            with stop:
                config = _with_input(config, command.input)
                findings = check(config, command.input, command.output, origin, command.end)
                return _print(findings, marked=True)
        case options.Dbc():
            from .protocol.dbc import dbc

            sys.stdout.write(dbc())
            return ENDED
        case options.Version():
            from .commands.version import details, version

            for line in details() if command.verbose else [version()]:
                sys.stdout.write(f"{line}\n")
            return ENDED
        case _:
            with stop:
                return _print(_findings(command))


def _findings(command: options.Reporting) -> Iterator[Finding]:
    match command:
        case options.Forget():
            from .commands.forget import SECTIONS, forget

            origin, config = _settings(command.config, SECTIONS)
            yield from forget(config, command.battery_id, origin.ini)
        case options.Anonymize():
            from .commands.anonymize import anonymize

            yield anonymize(command.source, command.target)
        case options.Convert():
            from .commands.convert import convert

            yield convert(command.source, command.target, command.seconds, command.end)
        case options.ImportHistory():
            from .commands.import_history import SECTIONS, import_history

            origin, config = _settings(command.config, SECTIONS)
            yield from import_history(config, command.recordings, command.end, origin.ini)
        case options.Judge():
            from .commands.evidence import evidence

            yield from evidence(command.recordings, command.end, command.json)
        case options.Explore():
            from .commands.explore import explore

            yield from explore(command.recordings, command.end, command.html)
        case options.Health():
            from .commands.health import health

            yield health(pulse.folder() or pulse.SERVICE_FOLDER)


def _settings(path: Path | None, sections: frozenset[str] | None = None) -> tuple[Origin, Config]:
    """What the environment says, and the INI that was named or is there; raises ConfigError."""
    path = path or next((each for each in DEFAULT_PATHS if each.exists()), None)
    config = load(path, sections, os.environ)
    for file in secrets.exposed(path, config):
        sys.stderr.write(f"{secrets.warning(file, path)}\n")
    used = {
        "[mqtt] topic": config.mqtt.topic,
        "[homeassistant] prefix": config.homeassistant.prefix,
    }
    for caution in topics.cautions(used):
        sys.stderr.write(f"{path}: {caution}\n" if path else f"{caution}\n")
    return Origin(path, environment.names(os.environ)), config


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
