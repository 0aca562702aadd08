"""Joins one source to its sinks and runs until the input ends or a signal comes.

The only module that imports all rooms.  What the chosen input and output do not use is not
imported: python-can alone takes 18 MB.
"""

from __future__ import annotations

import logging
import signal
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import chain, repeat
from types import FrameType
from typing import TYPE_CHECKING, Any

from . import __version__
from .bridge import Bridge
from .command_line.options import Run
from .meter import Meter
from .process import logs, memory, pulse, systemd
from .process.pulse import Pulse
from .process.stop import Stop, Stopped, end_with_any_thread
from .protocol.reading import Reading
from .settings.given import Origin
from .settings.schema import Can, Config
from .sinks import MQTT, OUTPUTS, PAGE, Context, Sink
from .sources import BUS, RECORDING, SIMULATOR, Source
from .watch import Watch

if TYPE_CHECKING:
    from .sinks.history.sink import HistorySink
    from .sinks.recorder.sink import Recorder

log = logging.getLogger(__name__)

POLL_S = 0.02


def run(options: Run, origin: Origin, config: Config, stop: Stop) -> bool:
    """Run; return whether everything went well.  ``origin`` is where the settings come from.

    Raises OSError when the input cannot be read or has no reading, or the output cannot be
    written.
    """
    logs.start(config.logging, options.verbose)
    log.info("%s", _opening(options, origin, config))
    with ExitStack() as stack:
        if config.logging.profile:
            log.info("memory at start: %s", logs.memory())
            stack.callback(lambda: log.info("memory at the end: %s", logs.memory()))
        with stop:
            source = _open(options, config.can, stack)
        return _Daemon(options, config, stop, source).run()


class _Daemon:
    """A source, the bridge and the sinks of the chosen output."""

    def __init__(self, options: Run, config: Config, stop: Stop, source: Source) -> None:
        self._requested = False  # a recording
        signal.signal(signal.SIGUSR1, self._request)
        self._stop = stop
        self._source = source
        self._input = options.input
        self._too_large = False
        self._weigh = config.logging.profile
        self._bridge = Bridge(self._publish)
        self._pulse = Pulse(pulse.folder())
        self._watch = Watch(config.attention, source.clock, self._bridge.bus, self._both_ends)
        self._meter = Meter(config.energy, source.clock)
        self._dead_threads = end_with_any_thread()
        context = Context(
            config=config,
            clock=source.clock,
            live=source.live,
            recorded=options.input.kind == RECORDING,
            interruptible=stop,
            health=self._health,
            attention=lambda: self._watch.findings,
            energy=self._meter.session,
        )
        output = OUTPUTS[options.output]
        self._sinks: list[Sink] = []
        self._recorder: Recorder | None = None
        if output.keeps and source.live:
            if kept := _history(context):
                self._sinks.append(kept)
                context = replace(context, past=kept.past)
            if recorder := _recorder(context):
                self._sinks.append(recorder)
                self._recorder = recorder
                context = replace(context, recorder=recorder)
        if output.with_page and config.web.listen:
            self._sinks.append(PAGE.make(context))
        self._sinks.append(output.make(context))

    def run(self) -> bool:
        """Until the input ends or a signal comes."""
        drained = False
        left = 0
        try:
            with suppress(Stopped):
                batches = systemd.beating(self._stop.until(self._source.batches), self._beat)
                if self._recorder:
                    batches = self._recorder.overhear(batches)
                self._bridge.run(chain.from_iterable(batches))
                if not self._stop.requested:
                    self._check_cycles()
                    self._drain()
                    drained = True
        finally:
            systemd.notify(STOPPING="1")
            left = sum(sink.close() for sink in reversed(self._sinks))
            self._pulse.end()
            log.info("%s%s", self._bridge.summary(), self._lost())
        return not (drained and left) and not self._dead_threads and not self._too_large

    def _publish(self, cycle: list[Reading]) -> None:
        self._watch.publish(cycle)
        self._meter.publish(cycle)
        for sink in reversed(self._sinks):  # the output, which is waited for, first
            sink.publish(cycle)
        if self._weigh:
            log.info("memory after publishing: %s", logs.memory())

    def _request(self, _: int, __: FrameType | None) -> None:
        self._requested = True

    def _beat(self) -> None:
        self._watch.tick()
        if self._requested:
            self._requested = False
            if self._recorder:
                self._recorder.request()
            else:
                log.warning("SIGUSR1: there is no recorder; docs/decoding.md says what it needs")
        for sink in self._sinks:
            sink.tick()
        status = self._status()
        systemd.notify(READY="1", WATCHDOG="1", STATUS=status)
        self._pulse.beat(status)
        self._bound_memory()

    def _bound_memory(self) -> None:
        """End as by a signal, but as a failure, while there is memory to end well."""
        used = memory.resident()
        if used > memory.LIMIT and not self._stop.requested:
            self._too_large = self._stop.requested = True
            log.critical(
                "%d MiB of memory are in use, more than the %d MiB that the program may have; it "
                "ends with status 1, to be started again",
                used // memory.MIB,
                memory.LIMIT // memory.MIB,
            )

    def _check_cycles(self) -> None:
        """The input has ended, so it is a recording: raises OSError if it made no cycle."""
        if not self._bridge.cycles:
            from .sources.recording import no_reading

            frames = self._bridge.assembler.frames
            raise no_reading(self._input.name, frames, self._bridge.undecodable)

    def _drain(self) -> None:
        """The input has ended: wait for the output, and only for that."""
        output = self._sinks[-1]
        beating = systemd.beating(repeat(output), self._beat)
        while not next(beating).drained():
            with self._stop:
                time.sleep(POLL_S)

    def _health(self) -> dict[str, Any]:
        """How everything is, and what needs attention, JSON-ready."""
        return {**self._bridge.health(), **self._both_ends(), "attention": self._watch.shown()}

    def _both_ends(self) -> dict[str, Any]:
        """How the source and the sinks are, JSON-ready."""
        health: dict[str, Any] = {**self._source.losses(), "problem": self._source.problem()}
        for sink in self._sinks:
            health |= sink.health()
        return health

    def _lost(self) -> str:
        """What the source lost, for the summary."""
        return "".join(
            f", {name}: {count}" for name, count in self._source.losses().items() if count
        )

    def _status(self) -> str:
        """How it is, for ``systemctl status`` and `eflexcan2mqtt health`."""
        health = self._health()
        status = f"{self._bridge.present} batteries, {health['cycles']} cycles"
        if "broker" in health:
            place = f" to {health['connected_to']}" if health["connected_to"] else ""
            status += f", broker {health['broker']}{place}, {health['waiting']} arrays waiting"
        return "; ".join(filter(None, (status, health["problem"], self._watch.status())))


def _history(context: Context) -> HistorySink | None:
    """The sink that keeps history; None if it is not to be kept."""
    config = context.config
    folder = config.history.folder(config.storage)
    if folder is None:
        return None
    from .sinks.history.sink import started

    return started(
        *(folder, config.history.max_mb, context.attention, context.clock),
        invert=config.energy.invert,
    )


def _recorder(context: Context) -> Recorder | None:
    """The sink that records what is unusual; None if there is to be none."""
    settings = context.config.recorder
    folder = settings.folder(context.config.storage)
    if folder is None:
        return None
    from .sinks.recorder.sink import started

    return started(folder, settings.max_mb, context.clock, anonymize=settings.anonymize)


def _opening(options: Run, origin: Origin, config: Config) -> str:
    """The first line of the log."""
    source = str(options.input)
    if options.input.kind == BUS:
        source = f"{config.can.channel} ({config.can.interface})"
    line = f"eflexcan2mqtt {__version__}: {origin}, input {source}, output {options.output}"
    if options.output == MQTT:
        line += f", broker {config.mqtt.name}, topic {config.mqtt.topic}"
    return line


def _open(options: Run, can: Can, stack: ExitStack) -> Source:
    """Open the input; raises OSError if a recording cannot be read."""
    kind, name = options.input
    if kind == BUS:
        from .sources.can_bus import CanBus

        bus = CanBus(can)
        return Source(bus.batches(), losses=bus.losses, problem=lambda: bus.problem)
    from .sources.pace import Paced

    if kind == SIMULATOR:
        from .sources import simulator

        speed = options.pace(live=False)
        paced = Paced(simulator.events(int(name), time.time(), faults=options.faults), speed)
        return Source(zip(paced), lambda: paced.time, live=bool(speed))
    from .process.progress import Progress
    from .sources.recording import Recording

    recording = Recording(name, options.end, OUTPUTS[options.output].stores)
    stack.enter_context(Progress(recording))
    recording.find_clock()
    paced = Paced(recording, options.pace(recording.live))
    return Source(zip(paced), lambda: paced.time, recording.live, recording.losses)
