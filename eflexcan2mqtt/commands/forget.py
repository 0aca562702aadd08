"""A battery that has left for good in; its retained messages are cleared, and seen to be gone."""

from __future__ import annotations

from ..settings.schema import Config, Mqtt
from ..sinks.homeassistant.discovery import Discovery
from ..sinks.message import Message
from ..sinks.mqtt.dialogue import Conversation, DeniedError, conversation
from ..sinks.mqtt.happenings import BrokerError
from . import Caveat, Finding

SECTIONS = frozenset({"mqtt", "homeassistant"})
"""The sections of the INI that it uses."""

BROKER_S = 10.0
READ_BACK_S = 1.5
"""What comes at all comes sooner: our own messages, what is kept, the next cycle of a bridge."""


def forget(config: Config, battery_id: str) -> Finding:
    """Clear what the broker keeps of a battery, so that Home Assistant removes it.

    Good once the broker keeps nothing of it.
    """
    mqtt = config.mqtt
    messages = Discovery(config.homeassistant, mqtt).forgotten(battery_id)
    topics = [message.topic for message in messages]
    try:
        with conversation(mqtt, "forget", BROKER_S) as broker:
            if broker.terms.retain:
                cleared = _clear(broker, messages)
                finding = _finding(mqtt, battery_id, topics, cleared, broker)
            else:
                finding = Finding(True, "keeps no retained messages: there is nothing to forget")
    except DeniedError as error:
        finding = Finding(False, f"{error}; {_remedy(mqtt)}")
    except BrokerError as error:
        finding = Finding(False, str(error))
    return finding._replace(text=f"{mqtt.hostname}:{mqtt.port}: {finding.text}")


def _clear(broker: Conversation, messages: list[Message]) -> set[str]:
    """Send the messages, and listen to what is kept after them; the topics where they came back."""
    topics = {message.topic for message in messages}

    def cleared() -> set[str]:
        return {each.topic for each in broker.received if not each.payload}

    broker.subscribe(*topics)
    broker.deliver(messages)
    broker.wait_until(lambda: cleared() == topics, READ_BACK_S)
    found = cleared()
    broker.received.clear()
    broker.subscribe(*topics)
    broker.wait_until(lambda: False, READ_BACK_S)
    return found


def _finding(
    config: Mqtt, battery_id: str, topics: list[str], cleared: set[str], broker: Conversation
) -> Finding:
    """What was received behind the messages that cleared some topics, in words."""
    for each in broker.received:
        if each.retained and each.payload:
            again = "a bridge that hears the battery has sent it again; stop that first"
            why = again if each.topic in cleared else f"it discards our message; {_remedy(config)}"
            return Finding(False, f"still keeps {each.topic}: {why}")
    for topic in topics:
        if topic not in cleared:
            return Finding(False, f"{topic} could not be read back; {_remedy(config)}")
    text = f"forgot {battery_id}: cleared {' and '.join(topics)}"
    if broker.received:
        return Caveat(True, f"{text}; a bridge still hears the battery, and will announce it again")
    return Finding(True, text)


def _remedy(config: Mqtt) -> str:
    who = f"user '{config.username}'" if config.username else "clients without a username"
    return f"allow {who} to write and read there"
