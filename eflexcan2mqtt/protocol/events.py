"""Cycles and findings in, events out: what history keeps with its second. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from .facts import RELAYS
from .fields import ALARM_LEVELS
from .findings import BankFinding
from .minutes import BANK_NUMBER
from .reading import Reading

ALARM, RELAY, ATTENTION, MISSING = "alarm", "relay", "attention", "missing"

START = "start"
"""The bridge was started: only what lasts begins once more after it."""

MOST_EVENTS = 100
"""So many are kept until they are taken: a relay that flutters must not fill a disk."""

_SEEN_AT_ONCE = {"alarm_1", "alarm_2", "relay_open"}
"""Findings about alarms and relays, of which each change is an event by itself."""

_State: TypeAlias = tuple[int, int, int, str, str]
_CALM: _State = (0, 0, 0, "Make", "Make")
_state: Callable[[Reading], _State] = itemgetter(
    *ALARM_LEVELS, "charge_relay_status", "discharge_relay_status"
)


class HistoryEvent(NamedTuple):
    """Something that began or ended at ``time``, in seconds since 1970.

    ``battery`` is BANK_NUMBER if it is about the bank or the bus; ``begin`` is 1 or 0.
    """

    time: int
    battery: int
    kind: str
    begin: int
    text: str

    @property
    def sentence(self) -> str:
        """In words: the text of an alarm or a relay says how it is now, that of a finding does not
        change when it ends."""
        return self.text if self.begin or self.kind in (ALARM, RELAY) else f"ended: {self.text}"


def in_order(events: Iterable[HistoryEvent]) -> list[HistoryEvent]:
    """By time; a start comes before what begins in the same second."""
    return sorted(events, key=lambda each: (each.time, each.kind != START, each))


class Events:
    """Compares each cycle and each list of findings with the one before.

    ``left_out`` is how many there were no room for, since the start.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._started = 0
        self._events: list[HistoryEvent] = []
        self._states: dict[int, _State] = {}
        self._findings: dict[tuple[str, int | None, str | None], BankFinding] = {}

    def start(self, time: int) -> None:
        """The bridge was started then: nothing that it found is older."""
        self._started = time
        self._add(time, BANK_NUMBER, START, True, "the bridge was started")

    def cycle(self, cycle: Iterable[Reading]) -> None:
        """Take a cycle."""
        for reading in cycle:
            state = _state(reading)
            number = reading["battery_number"]
            before = self._states.get(number, _CALM)
            if state == before:
                continue
            self._states[number] = state
            time, alarms, relays = reading["time"], state[:3], state[3:]
            if alarms != before[:3]:
                self._add(time, number, ALARM, any(alarms), _alarm_text(alarms))
            if relays != before[3:]:
                self._add(time, number, RELAY, "Break" in relays, f"relays: {RELAYS[relays]}")

    def attention(self, findings: Sequence[BankFinding], now: int) -> None:
        """Take the list of what needs attention at ``now``, in seconds since 1970."""
        if not findings and not self._findings:
            return
        before = self._findings
        self._findings = {
            (each.kind, each.battery_number, each.battery_id): each
            for each in findings
            if each.kind not in _SEEN_AT_ONCE
        }
        for key in before.keys() - self._findings.keys():
            self._found(before[key], now, begin=False)
        for key in self._findings.keys() - before.keys():
            since = max(self._findings[key].since or now, self._started)
            self._found(self._findings[key], since, begin=True)

    def take(self) -> list[HistoryEvent]:
        """The events since the last call, in the order of their times."""
        events, self._events = in_order(self._events), []
        return events

    def _found(self, finding: BankFinding, time: int, *, begin: bool) -> None:
        kind = MISSING if finding.kind == "missing" else ATTENTION
        text = finding.sentence
        if finding.battery_number:
            text = text.partition(": ")[2]  # which battery it is has a column of its own
        self._add(time, finding.battery_number or BANK_NUMBER, kind, begin, text)

    def _add(self, time: int, battery: int, kind: str, begin: bool, text: str) -> None:
        if len(self._events) < MOST_EVENTS:
            self._events.append(HistoryEvent(time, battery, kind, int(begin), text))
        else:
            self.left_out += 1


def _alarm_text(alarms: tuple[int, int, int]) -> str:
    words = [f"level {level}: 0x{word:04X}" for level, word in enumerate(alarms, 1) if word]
    return f"alarm words: {', '.join(words)}" if words else "no alarm"
