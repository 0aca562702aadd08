"""Settings, an input and an output in; what is wrong with them out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, suppress

from ..protocol.assembler import Assembler, Record
from ..protocol.blocks import NUMBER_MASK, Frame, Silence
from ..protocol.decode import DecodeError, decode
from ..settings.given import Origin
from ..settings.load import DEFAULT_PATHS, ConfigError
from ..settings.schema import Can, Config
from ..sinks import MQTT, OUTPUTS, PAGE
from ..sources import BUS, RECORDING, Input
from . import Finding
from .host_check import folders, page
from .service_check import readable, unit_of

BUS_S = 3.0


def check(
    config: Config, source: Input, output: str, origin: Origin, end: float | None
) -> Iterator[Finding]:
    """Try what the input and the output need; the settings from ``origin`` are good already."""
    ini = origin.ini
    places = " and ".join(map(str, DEFAULT_PATHS))
    absent = f"no INI (looked for {places}): the defaults are used"
    yield Finding(True, f"{ini}: the settings are good" if ini else absent)
    if origin.variables:
        yield Finding(True, f"variables that are used: {', '.join(origin.variables)}")
    unit = unit_of(ini)
    if ini and unit:
        yield from readable(config, ini, unit)
    if source.kind == BUS:
        yield bus(config.can)
    if source.kind == RECORDING:
        yield recording(source.name, end, OUTPUTS[output].stores)
    if OUTPUTS[output] is PAGE or (OUTPUTS[output].with_page and config.web.listen):
        yield from page(config.web, unit)
    if output == MQTT:
        from .broker_check import brokers  # paho is for those who use it

        if source.kind != RECORDING:  # it waits for the broker
            yield from folders(config, unit)
        yield from brokers(config)


def bus(config: Can) -> Finding:
    """Open the bus and listen for the batteries."""
    from ..sources.can_bus import CanBus  # python-can is for those who use it

    heard = set()
    deadline = None  # opening may take seconds
    try:
        with closing(CanBus(config).opened()) as events:
            for event in events:
                deadline = deadline or time.monotonic() + BUS_S
                if event is not Silence.SECOND:
                    heard.add(event[0] & NUMBER_MASK)
                if time.monotonic() > deadline:
                    break
    except (OSError, ConfigError) as error:
        return Finding(False, f"{config.channel}: {error}")
    if not heard:
        return Finding(
            False,
            f"{config.channel}: open, but no frames from any battery for {BUS_S:g} s; "
            f"is the bank on, the cable right and the bus set to {config.bitrate} bit/s?",
        )
    return Finding(True, f"{config.channel}: hears {len(heard)} batteries")


def recording(name: str, end: float | None, stored: bool) -> Finding:
    """Read a recording; a pipe is left to who runs the program."""
    from ..sources.recording import Recording, no_reading

    batteries: set[int] = set()
    first = last = 0.0
    complete = readings = 0

    def frames() -> Iterator[Frame]:
        nonlocal first, last
        for event in source:
            if event is not Silence.SECOND:
                batteries.add(event[0] & NUMBER_MASK)
                last = event[2]
                first = first or last
                yield event

    assembler = Assembler()
    try:
        source = Recording(name, end, stored)
        source.find_clock()
        if source.live:
            return Finding(True, f"{name}: a pipe, which is read when the program runs")
        for event in assembler.events(frames()):
            match event:
                case Record():
                    complete += 1
                    with suppress(DecodeError):
                        decode(event)
                        readings += 1
        if not readings:
            raise no_reading(name, assembler.frames, complete)
    except OSError as error:
        return Finding(False, f"{name}: {error.strerror}")
    found = f"{assembler.frames} frames of {len(batteries)} batteries over {last - first:.0f} s"
    return Finding(True, f"{name}: {found}")
