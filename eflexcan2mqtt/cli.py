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
from typing import BinaryIO

from . import logs, publishing
from .arguments import BUS, LOG, SIMULATOR, Options, Source, parse
from .bridge import Bridge, Publish
from .config import DEFAULT_PATHS, Config, ConfigError, load
from .protocol.blocks import Frame
from .stop import Stop, Stopped, end_with_any_thread

log = logging.getLogger(__name__)

ENDED, FAILED, BAD_CONFIG = 0, 1, 78

CLOSE_S = 1.5
"""For the farewell to the broker: a stop takes less than two seconds."""

DRAIN_S = 30.0
"""How long the end of a log waits for a broker that acknowledges nothing."""


def main(arguments: list[str] | None = None) -> int:
    """Run; return the exit status."""
    options = parse(arguments)
    try:
        config = _config(options)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_CONFIG
    try:
        return _check(options, config) if options.check else _run(options, config)
    except Stopped:
        return ENDED
    except BrokenPipeError:
        # Whoever read our output has seen enough; what is left of it must go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ENDED
    except OSError as error:
        # A full disk or a missing file: its name says more than a traceback.
        log.error("%s: %s", error.filename or "output", error.strerror)  # noqa: TRY400
        return FAILED


def _config(options: Options) -> Config:
    """The INI, with what the options override; raises ConfigError."""
    path = options.config or next((each for each in DEFAULT_PATHS if each.exists()), None)
    config = Config() if path is None else load(path)
    if options.fields:
        config = replace(config, mqtt=replace(config.mqtt, fields=options.fields))
    if options.input.kind == BUS and options.input.name:
        config = replace(config, can=replace(config.can, channel=options.input.name))
    return config


def _check(options: Options, config: Config) -> int:
    from . import check

    findings = [check.Finding(True, "the settings are good")]
    if options.input.kind == BUS:
        findings.append(check.bus(config.can))
    if options.output == "mqtt":
        findings.append(check.broker(config.mqtt))
    for good, text in findings:
        sys.stdout.write(f"{'ok ' if good else 'BAD'} {text}\n")
    return ENDED if all(good for good, _ in findings) else FAILED


def _run(options: Options, config: Config) -> int:
    logs.start(config.logging, options.verbose)
    stop = Stop()
    stop.install()
    with ExitStack() as stack:
        if config.logging.profile:
            log.info("memory at start: %s", logs.memory())
            stack.callback(lambda: log.info("memory at the end: %s", logs.memory()))
        with stop:
            frames, clock = _open(options.input, options.pace(), config, stack)
        if options.output == "json":
            return _to_json(config, stop.until(frames))
        return _to_mqtt(config, stop, frames, clock, patient=options.input.kind == LOG)


def _open(
    source: Source, speed: float, config: Config, stack: ExitStack
) -> tuple[Iterable[Frame | None], Callable[[], float]]:
    """The frames, and the clock they go by: a recording has its own."""
    if source.kind == BUS:
        from .sources import can_bus

        return can_bus.frames(config.can), time.monotonic
    from .sources.pace import Paced

    recorded: Iterable[Frame | None]
    file: BinaryIO
    if source.kind == SIMULATOR:
        from .sources import simulator

        recorded = simulator.frames(int(source.name), time.time())
    else:
        from .progress import Progress
        from .sources.candump import Candump

        if source.name == "-":
            file = sys.stdin.buffer
        else:
            file = stack.enter_context(Path(source.name).open("rb"))  # noqa: SIM115 (it is one)
        recorded = Candump(file, source.name, stack.enter_context(Progress(file)))
    paced = Paced(recorded, speed)
    return paced, lambda: paced.time


def _to_json(config: Config, frames: Iterable[Frame | None]) -> int:
    from .sinks.json_lines import JsonLines

    bridge = Bridge(config.mqtt.fields, _profiled(config, JsonLines(sys.stdout).publish))
    bridge.run(frames)
    log.info("%s", bridge.summary())
    return ENDED


def _to_mqtt(
    config: Config,
    stop: Stop,
    frames: Iterable[Frame | None],
    clock: Callable[[], float],
    patient: bool,
) -> int:
    from .sinks.mqtt import MqttSink

    deaths = end_with_any_thread()
    sink = MqttSink(config.mqtt)
    publish: Publish = sink.publish
    if patient:
        publish = publishing.patiently(stop, sink.wait_for_room, publish)
    publish = publishing.every(config.mqtt.publish_interval, clock, _profiled(config, publish))
    bridge = Bridge(config.mqtt.fields, publish)
    left = 0
    sink.start()
    try:
        bridge.run(stop.until(frames))
        with suppress(Stopped), stop:
            left = sink.drain(DRAIN_S)
    finally:
        sink.close(CLOSE_S)
        log.info("%s", bridge.summary())
    return FAILED if left or deaths else ENDED


def _profiled(config: Config, publish: Publish) -> Publish:
    return publishing.weighed(logs.memory, publish) if config.logging.profile else publish
