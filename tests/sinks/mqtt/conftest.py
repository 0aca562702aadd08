"""Sinks by their settings."""

from __future__ import annotations

import logging

import pytest

from eflexcan2mqtt.settings.schema import Mqtt, SpoolSettings
from eflexcan2mqtt.sinks.mqtt.sink import WAITING, MqttSink


@pytest.fixture
def open_sink(caplog):
    """Started sinks by their settings, closed with the test; ``spool`` is a folder."""
    caplog.set_level(logging.INFO)
    made = []

    def make(port, room=WAITING, spool="", waits=None, announcers=(), **settings):
        config = Mqtt(**{"hostname": "127.0.0.1", "port": port} | settings)
        made.append(MqttSink(config, SpoolSettings(str(spool)), announcers, room=room, waits=waits))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.close(0.5)


@pytest.fixture
def lines(caplog):
    """The lines of the log that hold a word, or all."""
    return lambda word="": [message for message in caplog.messages if word in message]


@pytest.fixture
def scripted():
    """A broker of our own, by its answers or the broker behind it; closed with the test."""
    made = []

    def make(kind, *arguments):
        made.append(kind(*arguments))
        return made[-1]

    yield make
    for each in made:
        each.close()
