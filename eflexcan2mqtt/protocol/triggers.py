"""Cycles in; what is worth a recording out. No I/O, no clock.

What is unusual is learned: the values of each byte that no field claims, and the greatest
currents.  During the first day, nothing that has to be learned is a trigger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from .blocks import CELLS, STALE_S, STATUS
from .facts import RELAYS
from .fields import ALARM_LEVELS
from .reading import Reading
from .unclaimed import UNCLAIMED

RELAY, BYTE, CURRENT, PRESENCE, REQUEST = "relay", "byte", "current", "battery", "request"
ALARMS = tuple(f"alarm-{level}" for level, _ in enumerate(ALARM_LEVELS, 1))
KINDS = (*ALARMS, RELAY, BYTE, CURRENT, PRESENCE, REQUEST)
"""Each level of alarms is a kind of its own: mild ones are frequent, and must not hide others."""

LEARNING_S = 86_400

MUTED_FROM = 32
"""A byte that has had more values changes often, and is no longer a trigger."""

GONE_CYCLES = 10
"""A battery that is in none of so many cycles has disappeared; a lost frame costs one."""

_MOST_SEEN = 250

_Words: TypeAlias = tuple[int, int, int]
_Relays: TypeAlias = tuple[str, str, str]
_State: TypeAlias = tuple[int, int, int, int, str, str, str]
_state: Callable[[Reading], _State] = itemgetter(
    *("battery_number", *ALARM_LEVELS),
    *("charge_relay_status", "discharge_relay_status", "precharge_relay_status"),
)
_bits: Callable[[Reading], tuple[list[int], ...]] = itemgetter(
    "alarm_bits_1", "alarm_bits_2", "alarm_bits_3"
)
_amps: Callable[[Reading], float] = itemgetter("battery_current")
_raw: Callable[[Reading], tuple[str, str]] = itemgetter("raw_status", "raw_cells")

_BYTES = STATUS.size + CELLS.size
_INDEX = {each: each.offset + (STATUS.size if each.block is CELLS else 0) for each in UNCLAIMED}
"""Where each unclaimed byte is in those of a burst."""


class Trigger(NamedTuple):
    """``kind`` is one of KINDS; ``why`` begins with it and fits into a file's name."""

    kind: str
    why: str
    text: str


@dataclass
class Learned:
    """What was usual so far, in ``seconds`` of listening.

    ``values`` are those of the unclaimed bytes by their place, ``charge`` and ``discharge`` the
    greatest currents of any battery, in A, both without a sign.  ``bits`` are those of the alarm
    words that were ever set, by the key of the field.
    """

    seconds: int = 0
    charge: float = 0.0
    discharge: float = 0.0
    values: dict[str, set[int]] = field(default_factory=dict)
    bits: dict[str, set[int]] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether it is known by now what is usual."""
        return self.seconds >= LEARNING_S

    @property
    def muted(self) -> list[str]:
        """The places of the bytes that change often."""
        return sorted(name for name, each in self.values.items() if len(each) > MUTED_FROM)

    def to_json(self) -> dict[str, Any]:
        """What from_json takes."""
        return {**vars(self), "values": _listed(self.values), "bits": _listed(self.bits)}

    @classmethod
    def from_json(cls, found: Any) -> Learned:
        """Raises ValueError if it is not what to_json gave."""
        try:
            numbers = (int(found["seconds"]), float(found["charge"]), float(found["discharge"]))
            values, bits = (
                {str(name): set(map(int, each)) for name, each in found[key].items()}
                for key in ("values", "bits")
            )
        except (TypeError, KeyError, AttributeError, ValueError, OverflowError) as error:
            raise ValueError(f"expected what was learned: {error!r}") from None
        return cls(*numbers, values, bits)


class Triggers:
    """Compares each cycle with what was before, and with ``learned``.

    That is done for each cycle of a bank's life, so what is as before must cost almost nothing.
    """

    def __init__(self, learned: Learned) -> None:
        self.learned = learned
        self._time = 0
        self._cycles = 0
        self._absent: dict[int, int] = {}  # in how many cycles; of those that are not gone, 0
        self._sent: list[_State] = []  # by the cycle before
        self._states: dict[int, _State] = {}
        self._mask = 0  # of the unclaimed bits of a burst, but for those in muted bytes
        self._seen: set[int] = set()  # values of these bits
        self._find_mask()

    def cycle(
        self, cycle: list[Reading], is_blocked: Callable[[str], bool] = lambda _: False
    ) -> list[Trigger]:
        """Take a cycle that is not empty.

        A byte or a current of a kind that ``is_blocked``, so that it would not be recorded, stays
        unusual.
        """
        found: list[Trigger] = []
        self._cycles += 1
        sent = list(map(_state, cycle))
        if sent != self._sent or len(sent) != len(self._absent):
            for reading, state in zip(cycle, sent, strict=True):
                self._compare(reading, state, found)
            self._presence({each[0] for each in sent}, found)
            self._sent = sent
        learns = not self.learned.is_over
        for reading in cycle:
            status, cells = _raw(reading)
            bits = int(status + cells, 16) & self._mask
            if bits not in self._seen and (learns or not is_blocked(BYTE)):
                self._learn(bits, reading["battery_number"], found)
        amps = list(map(_amps, cycle))
        greater = max(amps) > self.learned.charge or -min(amps) > self.learned.discharge
        if greater and (learns or not is_blocked(CURRENT)):
            self._current(cycle, found)
        time = cycle[-1]["time"]
        if learns and 0 < time - self._time <= STALE_S:
            self.learned.seconds += time - self._time
        self._time = time
        return found

    def silence(self) -> list[Trigger]:
        """There was no cycle for as long as GONE_CYCLES take."""
        if not self._absent:
            return []
        self._absent.clear()
        return [Trigger(PRESENCE, f"{PRESENCE}-all-disappeared", "no battery sends")]

    def _compare(self, reading: Reading, state: _State, found: list[Trigger]) -> None:
        number, (words, relays) = state[0], _parts(state)
        # What a start finds may be why there was one, but for what full or healthy banks show.
        calm = (number, 0, 0, words[2], "Make", "Make", relays[2])
        before = self._states.get(number)
        if before == state:
            return
        self._states[number] = state
        for level, bits in zip(ALARM_LEVELS, _bits(reading), strict=True):
            if bits:
                self.learned.bits.setdefault(level, set()).update(bits)
        words_before, relays_before = _parts(before or calm)
        for kind, then, now in zip(ALARMS, words_before, words, strict=True):
            if then != now:
                text = (
                    f"battery {number}: alarm word of level {kind[-1]}: 0x{then:04X} to 0x{now:04X}"
                )
                found.append(_of_battery(kind, number, text))
        if relays_before != relays:
            shown = f"{_shown(relays)} (before: {_shown(relays_before)})"
            text = f"battery {number}: relays: {shown}"
            found.append(_of_battery(RELAY, number, text))

    def _find_mask(self) -> None:
        muted = set(self.learned.muted)
        mask = bytearray(_BYTES)
        for each, index in _INDEX.items():
            mask[index] = 0 if str(each) in muted else each.mask
        self._mask = int.from_bytes(mask, "big")
        self._seen.clear()

    def _learn(self, bits: int, number: int, found: list[Trigger]) -> None:
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen.add(bits)
        muted = self.learned.muted
        sent = bits.to_bytes(_BYTES, "big")
        for each, index in _INDEX.items():
            name, value = str(each), sent[index]
            values = self.learned.values.setdefault(name, set())
            if name in muted or value in values:
                continue
            is_first = not values
            values.add(value)
            if self.learned.is_over and not is_first:
                why = f"{BYTE}-{name.replace(' ', '-')}-battery-{number}"
                text = f"battery {number}: {name} is 0x{value:02X}, which it never was"
                if len(values) > MUTED_FROM:
                    text += "; it changes often, and triggers nothing from now on"
                found.append(Trigger(BYTE, why, text))
        if self.learned.muted != muted:
            self._find_mask()

    def _current(self, cycle: list[Reading], found: list[Trigger]) -> None:
        learned = self.learned
        for reading in cycle:
            amps = reading["battery_current"]
            if -learned.discharge <= amps <= learned.charge:
                continue
            way, most = ("charge", learned.charge) if amps > 0 else ("discharge", learned.discharge)
            setattr(learned, way, abs(amps))
            if learned.is_over:
                number = reading["battery_number"]
                text = f"battery {number}: {abs(amps)} A of {way}; until now at most {most} A"
                found.append(_of_battery(CURRENT, number, text))

    def _presence(self, numbers: set[int], found: list[Trigger]) -> None:
        for number in numbers:
            if number not in self._absent and self._cycles > GONE_CYCLES:
                found.append(_presence(number, "appeared"))
            self._absent[number] = 0
        if len(numbers) == len(self._absent):
            return
        for number in self._absent.keys() - numbers:
            self._absent[number] += 1
            if self._absent[number] >= GONE_CYCLES:
                del self._absent[number]
                found.append(_presence(number, "disappeared"))


def _parts(state: _State) -> tuple[_Words, _Relays]:
    return state[1:4], state[4:]


def _shown(relays: _Relays) -> str:
    charge, discharge, precharge = relays
    more = ", pre-charge closed" if precharge == "Make" else ""
    return RELAYS[charge, discharge] + more


def _listed(sets: dict[str, set[int]]) -> dict[str, list[int]]:
    return {name: sorted(each) for name, each in sorted(sets.items())}


def _of_battery(kind: str, number: int, text: str) -> Trigger:
    return Trigger(kind, f"{kind}-battery-{number}", text)


def _presence(number: int, what: str) -> Trigger:
    return Trigger(PRESENCE, f"{PRESENCE}-{number}-{what}", f"battery {number} {what}")
