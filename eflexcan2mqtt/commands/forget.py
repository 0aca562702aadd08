"""A battery that has left for good, or the counters of energy, in; what is kept of it is cleared.

Retained messages are seen to be gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..protocol.bank import BANK
from ..protocol.energy import ENERGY
from ..settings.schema import Config, Mqtt
from ..sinks.homeassistant.discovery import Discovery
from ..sinks.message import Message
from ..sinks.mqtt.dialogue import Conversation, DeniedError, conversation
from ..sinks.mqtt.energy import message_topic
from ..sinks.mqtt.energy_file import NAME
from ..sinks.mqtt.happenings import BrokerError
from ..sinks.mqtt.shared import status
from . import Caveat, Finding
from .service_check import state_folder, unit_of

SECTIONS = frozenset({"mqtt", "homeassistant", "storage"})
"""The sections of the INI that it uses."""

BROKER_S = 20.0
READ_BACK_S, LISTEN_S = 4.0, 1.5
"""What comes at all comes sooner: our own messages, what is kept, the next cycle of a bridge."""


def forget(config: Config, name: str, ini: Path | None) -> Iterator[Finding]:
    """Clear what is kept of a battery or the bank, so that Home Assistant removes it, or ENERGY.

    Good once no broker keeps anything of it.
    """
    mqtt = config.mqtt
    if name == ENERGY:
        messages = [Message(message_topic(mqtt.topic), b"", retain=True)]
    else:
        messages = Discovery(config.homeassistant, mqtt).forgotten(name)
    findings = [_forget(each, name, messages) for each in mqtt.each]
    yield from findings
    if name == ENERGY and all(each.good for each in findings):
        yield _forget_file(config.storage.folder() or state_folder(unit_of(ini)))


def _forget(mqtt: Mqtt, name: str, messages: list[Message]) -> Finding:
    """Clear retained messages on one broker."""
    topics = [message.topic for message in messages]
    try:
        with conversation(mqtt, "forget", BROKER_S) as broker:
            if not broker.terms.retain:
                finding = Finding(True, "keeps no retained messages: there is nothing to forget")
            elif name == ENERGY and _bridge_runs(mqtt, broker):
                why = "the bridge is running and would send them again; stop it first"
                finding = Finding(False, f"the counters of energy are not cleared: {why}")
            else:
                cleared = _clear(broker, messages, mqtt.topic)
                finding = _finding(mqtt, name, topics, cleared, broker)
    except DeniedError as error:
        finding = Finding(False, f"{error}; {_remedy(mqtt)}")
    except BrokerError as error:
        finding = Finding(False, str(error))
    return finding._replace(text=f"{mqtt.name}: {finding.text}")


def _bridge_runs(mqtt: Mqtt, broker: Conversation) -> bool:
    """Whether one is connected: its last will would say if it had gone."""
    topic = status(mqtt, b"").topic
    broker.subscribe(topic)
    broker.wait_until(lambda: bool(broker.received), READ_BACK_S)
    online = any(each.payload == b"online" for each in broker.received)
    broker.received.clear()
    return online


def _forget_file(folder: Path | None) -> Finding:
    if folder is None:
        return Caveat(True, "no folder of a file is known here; for that of the service, use sudo")
    path = folder / NAME
    try:
        path.unlink()
    except FileNotFoundError:
        return Finding(True, f"{path}: there is no such file")
    except OSError as error:
        return Finding(False, f"{path}: cannot be removed: {error.strerror}; use sudo")
    return Finding(True, f"{path}: removed")


def _clear(broker: Conversation, messages: list[Message], arrays: str) -> set[str]:
    """Send the messages, and listen to what is kept after them; the topics where they came back.

    A running bridge is heard by its ``arrays``: values for Home Assistant come more seldom.  What
    is kept is asked for only then: who sends a message again needs a moment for it.
    """
    topics = {message.topic for message in messages}

    def cleared() -> set[str]:
        return {each.topic for each in broker.received if not each.payload}

    broker.subscribe(*topics)
    broker.deliver(messages)
    broker.wait_until(lambda: cleared() == topics, READ_BACK_S)
    found = cleared()
    broker.received.clear()
    with suppress(DeniedError):
        broker.subscribe(arrays)
    broker.wait_until(lambda: False, LISTEN_S)
    broker.subscribe(*topics)
    broker.wait_until(lambda: False, LISTEN_S)
    return found


def _finding(
    config: Mqtt, name: str, topics: list[str], cleared: set[str], broker: Conversation
) -> Finding:
    """What was received behind the messages that cleared some topics, in words."""
    for each in broker.received:
        if each.topic in topics and each.retained and each.payload:
            again = "a bridge that hears the battery has sent it again; stop that first"
            why = again if each.topic in cleared else f"it discards our message; {_remedy(config)}"
            return Finding(False, f"still keeps {each.topic}: {why}")
    for topic in topics:
        if topic not in cleared:
            return Finding(False, f"{topic} could not be read back; {_remedy(config)}")
    text = f"forgot {name}: cleared {' and '.join(topics)}"
    if any(name in (BANK, ENERGY) or name.encode() in each.payload for each in broker.received):
        return Caveat(True, f"{text}; a bridge still hears the battery, and will announce it again")
    return Finding(True, text)


def _remedy(config: Mqtt) -> str:
    who = f"user '{config.username}'" if config.username else "clients without a username"
    return f"allow {who} to write and read there"
