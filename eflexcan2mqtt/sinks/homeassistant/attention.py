"""What needs attention in, its message and its entities out.

The message is retained and has a topic of its own: it needs no cycle, and does not expire.  A
missing battery is a problem, which its own values could not show.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict

from ...protocol.findings import BankFinding
from ...protocol.limits import NOTICE, PROBLEM
from ..message import Message
from .entities import Json, binary, sensor
from .looks import OF_BANK

NONE = "none"
SEVERITIES = (NONE, NOTICE, PROBLEM)

FIRST_NONE_S = 60.0
"""So long after the start an empty list may only mean that nothing has lasted long enough yet."""

SENTENCES_S = 60.0
"""So often at most is a new value in a sentence sent: Home Assistant records each."""

List = Callable[[], Sequence[BankFinding]]


class AttentionMessage:
    """The message that is due; ``listed`` is the list of protocol/findings.py."""

    def __init__(self, topic: str, listed: List) -> None:
        self.topic = topic
        self._listed = listed
        self._kinds: list[str] | None = None  # as they were sent
        self._findings: list[BankFinding] = []
        self._sent_at = 0.0
        self._none_from: float | None = None  # when an empty list may be the first message

    def repeat(self) -> None:
        """Make the message due again."""
        self._kinds = None

    def findings(self) -> list[BankFinding]:
        """What is on the list, but for what cannot be said to a broker that is away."""
        return [each for each in self._listed() if each.kind != "broker_away"]

    def due(self, now: float) -> Iterable[Message]:
        """The message, if something began or ended, or says something else since a while."""
        findings = self.findings()
        if self._none_from is None:
            self._none_from = now + FIRST_NONE_S
        if not findings and now < self._none_from:
            return
        self._none_from = now
        kinds = [_name(each) for each in findings]
        if kinds == self._kinds and (
            findings == self._findings or now - self._sent_at < SENTENCES_S
        ):
            return
        yield Message(self.topic, _payload(kinds, findings), retain=True)
        self._kinds, self._findings, self._sent_at = kinds, findings, now


def problems(findings: Iterable[BankFinding]) -> set[str | None]:
    """The batteries with a problem, by id; None stands for the bank."""
    return {each.battery_id for each in findings if each.severity == PROBLEM}


def of_bank(topic: str) -> dict[str, Json]:
    """The worst severity, with all sentences, and whether there is a problem."""
    said = ", ".join(f"'{key}': value_json.{key}" for key in ("sentences", "kinds", "severities"))
    worst = sensor("attention", "{{ value_json.severity }}") | {
        "icon": OF_BANK["attention"].icon,
        "device_class": "enum",
        "options": list(SEVERITIES),
        "state_topic": topic,
        "json_attributes_topic": topic,
        "json_attributes_template": f"{{{{ {{{said}}} | tojson }}}}",
    }
    return {
        "attention": worst,
        "problem": _problem(f"value_json.severity == '{PROBLEM}'", topic),
    }


def of_battery(topic: str, battery_id: str) -> dict[str, Json]:
    """Whether there is a problem with a battery."""
    return {"problem": _problem(f"'{battery_id}' in value_json.problems", topic)}


def _problem(condition: str, topic: str) -> Json:
    entity = binary("problem", f"{{{{ {condition} }}}}")
    return entity | {"device_class": "problem", "state_topic": topic}


def _name(each: BankFinding) -> str:
    """What stays the same while a finding lasts, however its value moves."""
    whose = "" if each.battery_number is None else f" {each.battery_number}"
    return each.kind + whose


def _payload(kinds: list[str], findings: list[BankFinding]) -> bytes:
    severities = [each.severity for each in findings]
    content = {
        "severity": max(severities, key=SEVERITIES.index, default=NONE),
        "sentences": [each.sentence for each in findings],
        "kinds": kinds,
        "severities": severities,
        "problems": sorted(filter(None, problems(findings))),
        "findings": [asdict(each) for each in findings],
    }
    return json.dumps(content, ensure_ascii=False).encode()
