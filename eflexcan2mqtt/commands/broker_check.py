"""Settings in; whether what the daemon sends reaches subscribers, and if not why, out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from ..protocol.array import array_of
from ..protocol.assembler import Record
from ..protocol.blocks import CYCLE_S
from ..protocol.decode import decode
from ..protocol.fields import DOCUMENTED
from ..settings.schema import Config, Mqtt
from ..sinks.homeassistant.discovery import Discovery
from ..sinks.json_lines import to_json
from ..sinks.message import Message
from ..sinks.mqtt.connection import V5
from ..sinks.mqtt.dialogue import Conversation, DeniedError, conversation
from ..sinks.mqtt.happenings import CLOSED, LOST, MUTE, TLS, BrokerError
from ..sinks.mqtt.shared import EMPTY
from ..sources.simulated_bank import Bank
from . import Caveat, Finding
from .broker_trial import SMALL, STATUS, WILL, AloneError, OustedError, Outcome, Trial
from .listener import other_listener

BROKER_S = 20.0
"""For all that is said to the broker."""

ALONE_S = 8.0

BATTERIES = 15

_KEEPALIVE_S = 60  # the observer's connection rests while the other one works
_UNCLEAR = (TLS, MUTE, CLOSED, LOST)


def brokers(config: Config) -> Iterator[Finding]:
    """Do as the daemon does with each broker, under another client id than the daemon's.

    With its own, this would end its connection.
    """
    for each in config.mqtt.each:
        yield from _broker(replace(config, mqtt=each))


def _broker(config: Config) -> list[Finding]:
    mqtt = replace(config.mqtt, keepalive=_KEEPALIVE_S)
    large = _large_messages(config)
    trial = Trial(mqtt, large)
    try:
        findings = _tried(mqtt, trial, list(large))
    except BrokerError as error:
        unclear = error.kind in _UNCLEAR and mqtt.transport == "tcp"
        cause = other_listener(mqtt) if unclear else None
        findings = [Finding(False, cause or str(error))]
    finally:
        trial.clear()
    return [each._replace(text=f"{mqtt.name}: {each.text}") for each in findings]


def _tried(config: Mqtt, trial: Trial, large: list[str]) -> list[Finding]:
    try:
        with conversation(config, "check", BROKER_S) as observer:
            trial.listen(observer)
            try:
                return _findings(config, trial, observer, large)
            except AloneError:
                # Not by a new connection: a broker may not have seen yet that this one has ended.
                return [_alone(config, observer)]
    except OustedError:
        with conversation(config, "check", ALONE_S) as only:
            return [_alone(config, only)]


def _findings(
    config: Mqtt, trial: Trial, observer: Conversation, large: list[str]
) -> list[Finding]:
    qos = min(config.qos, observer.terms.qos)
    outcome = trial.attempt(observer, qos)
    if qos > 1 and outcome.step == SMALL and not outcome.denied:
        # With MQTT 3.1.1 a broker without QoS 2 ends the connection, and nothing more.
        qos = 1
        outcome = trial.attempt(observer, qos)
    step, error = outcome.step, outcome.error
    lost = [what for what in large if step == what or (not error and what not in outcome.back)]
    denied = step in (STATUS, SMALL) and outcome.denied
    if error and step not in large and not denied:
        return [_not_taken(step, error)]
    if denied or (not error and SMALL not in outcome.back):
        return [_refused(config, observer) or _untested(config)]
    if lost:
        return [_too_large(config, lost[0], str(error or "it is discarded"))]
    if refused := _refused(config, observer):
        return [refused]
    version = "5" if observer.accepted.version == V5 else "3.1.1"
    loss = "" if qos else ", which may lose some on the way"
    arrives = (
        f"accepts us, arrays go to '{config.topic}' with QoS {qos}{loss}; "
        f"{' and '.join(large)} came back with MQTT {version}"
    )
    warnings = [Caveat(True, each) for each in _warnings(config, outcome, qos)]
    return [Finding(True, arrives), *warnings]


def _not_taken(step: str, error: BrokerError) -> Finding:
    why = "it closes the connection" if error.kind == CLOSED else str(error)
    remedy = "; allow QoS 1 in the broker" if step in (WILL, STATUS) else ""
    return Finding(False, f"does not take {step}: {why}{remedy}")


def _refused(config: Mqtt, observer: Conversation) -> Finding | None:
    """Whether the broker refuses messages on our own topic, as it can say with MQTT 5 only.

    Nothing but a message on it can tell: other rules may hold for the check's topics.  It is an
    array without batteries, as the daemon itself sends it for a test.
    """
    if observer.accepted.version != V5:
        return None
    who = f"user '{config.username}'" if config.username else "clients without a username"
    try:
        observer.deliver([observer.terms.limit(Message(config.topic, EMPTY))])
    except DeniedError as error:
        return Finding(False, f"{error}; allow {who} to write there")
    return None


def _alone(config: Mqtt, only: Conversation) -> Finding:
    """What can be said with one connection; raises BrokerError."""
    return _refused(config, only) or Caveat(
        True,
        "accepts us, but allows no second connection; the last will, and whether arrays arrive, "
        "could not be tested",
    )


def _untested(config: Mqtt) -> Finding:
    return Caveat(
        True,
        "accepts us, but whether arrays arrive could not be tested; "
        f"allow {config.topic}/check/# (write and read)",
    )


def _too_large(config: Mqtt, what: str, why: str) -> Finding:
    smaller = "" if config.fields == DOCUMENTED else ", or set [mqtt] fields = documented"
    return Finding(
        False,
        f"{what} does not arrive, but a small array does: {why}; raise the broker's limit of "
        f"bytes (mosquitto: message_size_limit or max_packet_size){smaller}",
    )


def _warnings(config: Mqtt, outcome: Outcome, qos: int) -> list[str]:
    """What the daemon copes with."""
    status = f"'{config.topic}/status'"
    found = []
    if qos < config.qos:
        found.append(f"does not take QoS {config.qos}; arrays are sent with QoS {qos}")
    if STATUS not in outcome.back:
        return [*found, f"{status} could not be tested; allow {config.topic}/check/#"]
    if not outcome.kept:
        found.append(f"keeps no retained messages; who comes later does not see {status}")
    if WILL not in outcome.back:
        found.append(f"publishes no last will; {status} stays online if this program dies")
    return found


def _large_messages(config: Config) -> dict[str, bytes]:
    """The largest messages that the daemon would send of a bank, by what they are."""
    blocks = enumerate(Bank(BATTERIES, seed=1).step(CYCLE_S), 1)
    cycle = [decode(Record(number, *both, time.time())) for number, both in blocks]
    array = to_json(array_of(config.mqtt.fields)(cycle)).encode()
    large = {f"an array of {BATTERIES} batteries ({len(array)} bytes)": array}
    if config.homeassistant.discovery:
        descriptions = Discovery(config.homeassistant, config.mqtt).due(cycle, 0.0)
        longest = max((each.payload for each in descriptions), key=len)
        large[f"a description for Home Assistant ({len(longest)} bytes)"] = longest
    return large
