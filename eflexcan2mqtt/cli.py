"""Arguments, signals and exit statuses; joins a source to a sink.

What the chosen input and output do not use is not imported: a Pi feels python-can.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import publishing
from .arguments import BUS, LOG, SIMULATOR, Options, parse
from .bridge import Bridge, Publish
from .process import logs, systemd
from .process.stop import Stop, Stopped, end_with_any_thread
from .protocol.blocks import Event
from .protocol.fields import EXPERIMENTAL
from .settings import secrets
from .settings.load import DEFAULT_PATHS, ConfigError, load
from .settings.schema import Config
from .settings.schema import Spool as SpoolConfig

if TYPE_CHECKING:
    from .sinks.homeassistant.discovery import Discovery
    from .sinks.mqtt.spool import Spool
    from .sinks.web.board import Board
    from .sinks.web.server import Web

log = logging.getLogger(__name__)

ENDED, FAILED, BAD_CONFIG = 0, 1, 78

CLOSE_S = 1.5
"""For the farewell to the broker: a stop takes less than two seconds."""

DRAIN_S = 30.0
"""How long the end of a log waits for a broker that acknowledges nothing."""


class Source(NamedTuple):
    """An open input.

    ``clock`` is the one it goes by: a recording has its own.  ``waits`` is whether it can be
    kept waiting; a bus cannot.  ``overflows`` tells how many frames came too fast.
    """

    frames: Iterable[Event]
    clock: Callable[[], float]
    waits: bool
    overflows: Callable[[], int] = int


def main(arguments: list[str] | None = None) -> int:
    """Run; return the exit status."""
    try:
        try:
            status = _main(parse(arguments))
        except SystemExit as end:  # of argparse, which has printed what there is to say
            status = int(end.code or ENDED)
        if sys.stdout:
            sys.stdout.flush()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_CONFIG
    except (BrokenPipeError, Stopped):
        # Whoever read our output has seen enough.
        status = ENDED
    except OSError as error:
        # A full disk or a missing file: its name says more than a traceback.
        log.error("%s: %s", error.filename or "output", error.strerror)  # noqa: TRY400
        status = FAILED
    else:
        return status
    # Whatever of the output is left would be written at exit: there is nobody to read it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return status


def _main(options: Options) -> int:
    stop = Stop()
    stop.install()
    config = _config(options)
    if options.anonymize:
        with stop:
            return _anonymize(*options.anonymize)
    if options.forget:
        with stop:
            return _forget(config, options.forget)
    if options.check:
        with stop:
            return _check(options, config)
    logs.start(config.logging, options.verbose)
    with ExitStack() as stack:
        if config.logging.profile:
            log.info("memory at start: %s", logs.memory())
            stack.callback(lambda: log.info("memory at the end: %s", logs.memory()))
        with stop:
            source = _open(options, config, stack)
        runs = {"mqtt": _to_mqtt, "table": _to_table, "bytes": _to_bytes}
        return runs.get(options.output, _to_lines)(options, config, stop, source)


def _ini_path(options: Options) -> Path | None:
    return options.config or next((each for each in DEFAULT_PATHS if each.exists()), None)


def _config(options: Options) -> Config:
    """The INI, with what the options override; raises ConfigError."""
    path = _ini_path(options)
    config = Config()
    if path:
        config = load(path)
        for file in secrets.exposed(path, config.mqtt):
            sys.stderr.write(f"{file}: everybody here may read the password or key in it\n")
    if options.fields:
        config = replace(config, mqtt=replace(config.mqtt, fields=options.fields))
    if options.input.kind == BUS and options.input.name:
        config = replace(config, can=replace(config.can, channel=options.input.name))
    return config


def _anonymize(source: Path, target: Path) -> int:
    from .commands.anonymize import anonymize

    batteries = anonymize(source, target)
    sys.stdout.write(f"{target}: {batteries} serial numbers replaced\n")
    return ENDED


def _forget(config: Config, battery_id: str) -> int:
    from .commands.forget import forget

    good, text = forget(config, battery_id)
    (sys.stdout if good else sys.stderr).write(f"{text}\n")
    return ENDED if good else FAILED


def _check(options: Options, config: Config) -> int:
    from .commands import check

    findings = [check.Finding(True, f"{_ini_path(options) or 'no INI'}: the settings are good")]
    if options.input.kind == BUS:
        findings.append(check.bus(config.can))
    if options.input.kind == LOG:
        findings.append(check.log(options.input.name))
    if options.output == "mqtt":
        findings.append(check.broker(config.mqtt))
    for good, text in findings:
        sys.stdout.write(f"{'ok ' if good else 'BAD'} {text}\n")
    return ENDED if all(good for good, _ in findings) else FAILED


def _open(options: Options, config: Config, stack: ExitStack) -> Source:
    kind, name = options.input
    if kind == BUS:
        from .sources import can_bus, socketcan

        lost = socketcan.Overflows()
        frames = can_bus.frames(config.can, lost)
        return Source(frames, time.monotonic, False, lambda: lost.count)
    from .sources.pace import Paced

    speed = options.pace()
    recorded: Iterable[Event]
    if kind == SIMULATOR:
        from .sources import simulator

        recorded, waits = simulator.frames(int(name), time.time()), not speed
    else:
        from .process.progress import Progress
        from .sources.candump import Candump
        from .sources.lines import Lines

        lines = Lines(name)
        opened = time.time()
        # A file without times is read in an instant, or waits for a broker in the midst
        # of a burst: neither is the time of its frames.
        clock = time.time if lines.live else lambda: opened
        recorded, waits = (
            Candump(lines, name, clock, stack.enter_context(Progress(lines))),
            not lines.live,
        )
    paced = Paced(recorded, speed)
    return Source(paced, lambda: paced.time, waits)


def _to_lines(options: Options, config: Config, stop: Stop, source: Source) -> int:
    from .sinks.text_lines import TextLines, to_influx, to_json

    lines = TextLines(sys.stdout, to_json if options.output == "json" else to_influx)
    publish = publishing.stoppably(stop, lines.publish)
    bridge = Bridge(config.mqtt.fields, _profiled(config, publish))
    try:
        bridge.run(stop.until(source.frames))
    finally:
        log.info("%s", bridge.summary())
    return ENDED


def _to_table(_: Options, config: Config, stop: Stop, source: Source) -> int:
    from .sinks.table import Table

    table = Table(sys.stdout)
    publish = publishing.stoppably(stop, _profiled(config, table.publish))
    bridge = Bridge(config.mqtt.fields, publish)
    try:
        bridge.run(systemd.beating(stop.until(source.frames), table.tick))
    finally:
        table.close()
        log.info("%s", bridge.summary())
    return ENDED


def _to_bytes(options: Options, config: Config, stop: Stop, source: Source) -> int:
    from .sinks.byte_view import ByteView

    view = ByteView(sys.stdout, each_cycle=options.input.kind != LOG)
    bridge = Bridge(EXPERIMENTAL, publishing.stoppably(stop, _profiled(config, view.publish)))
    try:
        with suppress(Stopped):  # the summary is what one stops it for
            bridge.run(stop.until(source.frames))
        view.close()
    finally:
        log.info("%s", bridge.summary())
    return ENDED


def _to_mqtt(_: Options, config: Config, stop: Stop, source: Source) -> int:
    from .sinks.mqtt.sink import MqttSink

    deaths = end_with_any_thread()
    # What can wait needs no spool, and what is played again needs none either.
    spool = None if source.waits else _open_spool(config.spool)
    sink = MqttSink(config.mqtt, spool, discovery=_discovery(config))
    publish: Publish = sink.publish
    if source.waits:
        publish = publishing.patiently(stop, sink.wait_for_room, publish)
    interval = config.mqtt.publish_interval
    publish = publishing.every(interval, source.clock, _profiled(config, publish))
    board, web = _open_web(config)
    if board:
        publish = publishing.both(board.publish, publish)
    bridge = Bridge(config.mqtt.fields, publish)
    left = 0

    def beat() -> None:
        sink.tick()
        broker, waiting = sink.connection(), sink.undelivered()
        if board:
            board.tell(
                **bridge.counters(),
                broker=broker,
                waiting=waiting,
                connections=sink.connections,
                overflows=source.overflows(),
            )
        if sink.alive():
            status = (
                f"{bridge.present} batteries, {bridge.cycles} cycles, "
                f"broker {broker}, {waiting} arrays waiting"
            )
            systemd.notify(READY="1", WATCHDOG="1", STATUS=status)

    sink.start()
    if web:
        web.start()
    try:
        bridge.run(systemd.beating(stop.until(source.frames), beat))
        systemd.notify(STOPPING="1")
        with suppress(Stopped), stop:
            left = sink.drain(DRAIN_S)
    finally:
        if web:
            web.close()
        sink.close(CLOSE_S)
        log.info("%s", bridge.summary())
    return FAILED if left or deaths else ENDED


def _discovery(config: Config) -> Discovery | None:
    if not config.homeassistant.discovery:
        return None
    from .sinks.homeassistant.discovery import Discovery

    return Discovery(config.homeassistant, config.mqtt)


def _open_web(config: Config) -> tuple[Board, Web] | tuple[None, None]:
    if not config.web.listen:
        return None, None
    from .sinks.web.board import Board
    from .sinks.web.server import Web

    host, _, port = config.web.listen.rpartition(":")
    board = Board()
    return board, Web(host.strip("[]"), int(port), board)


def _open_spool(config: SpoolConfig) -> Spool | None:
    """The spool, if there is to be one and the disk lets us."""
    directory = config.directory
    if directory is None:
        directory = os.environ.get("STATE_DIRECTORY", "")
    if not directory:
        return None
    from .sinks.mqtt.outbox import SpoolError
    from .sinks.mqtt.spool import Spool

    try:
        spool = Spool(Path(directory), config.max_mb, config.max_age_days)
    except SpoolError as error:
        log.warning("%s; on without a spool, arrays wait in memory", error)
        return None
    if spool.set_aside:
        log.warning("%s: was no spool, now %s", spool.path, spool.set_aside.name)
    if spool.count:
        log.info("%s: %d arrays wait for the broker", spool.path, spool.count)
    return spool


def _profiled(config: Config, publish: Publish) -> Publish:
    return publishing.weighed(logs.memory, publish) if config.logging.profile else publish
