"""Sinks by their settings."""

from __future__ import annotations

import logging

import pytest

from eflexcan2mqtt.settings.schema import Mqtt, SpoolSettings
from eflexcan2mqtt.sinks.mqtt import outage, outbox, search, session
from eflexcan2mqtt.sinks.mqtt.sink import WAITING, MqttSink

from .listed import named


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


@pytest.fixture
def said(lines):
    """The log, with A, B and C for the brokers at the ports."""
    return lambda *ports: [named(line, *ports) for line in lines()]


@pytest.fixture
def hurried(monkeypatch):
    """Nothing takes longer than it must; a connection of a second has held."""
    monkeypatch.setattr(search, "RECONNECT_S", (0.1, 0.5))
    monkeypatch.setattr(outage, "SHORT_S", 1.0)
    monkeypatch.setattr(outbox, "DRAIN_EVERY_S", 0.1)
    for module in (search, session):
        monkeypatch.setattr(module, "MUTE_S", 3.0)
