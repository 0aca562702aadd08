"""The recorder's writer in its thread, and frames for it."""

from __future__ import annotations

from array import array

from eflexcan2mqtt.protocol.triggers import Trigger
from eflexcan2mqtt.sinks.recorder.ring import Chunk
from eflexcan2mqtt.sinks.recorder.writer import RecordingPart, RecordingsWriter
from tests.support.disk_writer import running

NAME = "2026-11-29T031502-relay-battery-5.log.gz"
TRIGGER = Trigger("relay", "relay-battery-5", "battery 5: relays: charge open (before: closed)")


def part(frames, name=NAME, trigger=TRIGGER, last=True):
    ids, data, times = zip(*frames, strict=True)
    chunk = Chunk(0.0, array("H", ids), array("d", times), b"".join(data))
    return RecordingPart(name, trigger, [chunk], last)


def writing(folder, max_mb=200.0, **options):
    """A writer with its thread."""
    writer = RecordingsWriter(folder, max_mb, **options)
    writer.read()
    return running(writer)
