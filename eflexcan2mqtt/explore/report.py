"""A survey in, its findings out: the claims by their weight, then the facts of every byte."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from ..protocol.blocks import CYCLE_S
from ..protocol.unclaimed import UNCLAIMED
from .changes import WHOLE, ChangeSignal
from .survey import ByteChange, Survey, SurveyedBattery
from .verdict import Association, associations
from .words import Monotonic

MOST_RELATED = 3
MOST_VALUES_SHOWN = 12


class Relation(NamedTuple):
    """What is no chance: ``places`` are those of its bytes in UNCLAIMED, the highest byte first;
    ``bit`` is the number of the bit if it is only one.

    ``weight`` is the negative logarithm of how probable chance is, ``related`` are the known
    numbers that it may follow, the best first; ``warning`` is empty if there is nothing to say.
    """

    title: str
    sentence: str
    weight: float
    places: tuple[int, ...]
    bit: int = WHOLE
    related: Sequence[Association] = ()
    warning: str = ""


class ByteFacts(NamedTuple):
    """One byte, or the unclaimed bits of it: its values, its first changes, what is constant.

    ``bits`` says what its bits did if several changed; ``related`` has every known number that
    changed, the closest first, which may be chance, and ``of_bits`` the same of each of those bits.
    """

    place: int
    values: str
    bits: str
    changes: int
    first: Sequence[ByteChange]
    related: Sequence[Association]
    of_bits: Mapping[int, Sequence[Association]]
    constant: str
    warning: str

    @property
    def title(self) -> str:
        """Where it is."""
        byte = UNCLAIMED[self.place]
        return str(byte) if byte.is_whole else f"{byte}, bits {byte.mask:02X}"


class ExploreReport(NamedTuple):
    """Claims by their weight, and the facts of all bytes in the order of sending."""

    claims: list[Relation]
    bytes: list[ByteFacts]


def report(survey: Survey) -> ExploreReport:
    """What was found; ``survey`` must have ended."""
    found = associations(survey.changes)
    readings = {serial: each.readings for serial, each in survey.batteries.items()}
    claims = [
        *(_of_word(each) for each in survey.words.monotonic(readings)),
        *(_of_signal(survey, each) for each in _chosen(found)),
    ]
    claims.sort(key=lambda each: -each.weight)
    return ExploreReport(claims, [_facts(survey, at, found) for at in range(len(UNCLAIMED))])


def sentence(each: Association) -> str:
    """What a signal seems to follow, in words."""
    way = "" if each.same_way else ", the other way round"
    return f"changes {_when(each.lag)} {each.known}{way}"


def numbers(each: Association) -> str:
    """How sure that is, and how much it explains."""
    sure = f"p < 1e{math.floor(each.log_p) + 1}" if each.claimed else "may be chance"
    return (
        f"{each.together} of {each.changes} changes, mutual information {each.information:.2g} of "
        f"{each.entropy:.2g} bits, {sure}"
    )


def _chosen(found: Mapping[ChangeSignal, list[Association]]) -> Iterator[list[Association]]:
    """The claimed ones of each byte; of its bits only what the whole byte does not show better."""
    for _, group in groupby(sorted(found), key=lambda each: each.byte):
        shown: list[list[Association]] = []
        claimed = [[each for each in found[signal] if each.claimed] for signal in group]
        for each in sorted(filter(None, claimed), key=lambda row: row[0].log_p):
            if all(each[0].known != other[0].known for other in shown):
                if shown and shown[0][0].signal.bit == WHOLE:
                    break  # the whole byte is one number
                shown.append(each)
        yield from shown


def _of_signal(survey: Survey, found: list[Association]) -> Relation:
    best = found[0]
    at, bit = best.signal
    title = str(UNCLAIMED[at]) if bit == WHOLE else f"{UNCLAIMED[at]} bit {bit}"
    return Relation(
        title,
        f"{sentence(best)}: {numbers(best)}",
        weight=-best.log_p,
        places=(at,),
        bit=bit,
        related=found[:MOST_RELATED],
        warning=_disturbed(survey, at),
    )


def _when(lag: int) -> str:
    if not lag:
        return "together with"
    cycles = "1 cycle" if abs(lag) == 1 else f"{abs(lag)} cycles"
    return f"{cycles} ({abs(lag) * CYCLE_S:.0f} s) {'after' if lag > 0 else 'before'}"


def _disturbed(survey: Survey, at: int) -> str:
    count = survey.disturbed[at]
    total = sum(each.changes[at] for each in survey.batteries.values())
    if not count:
        return ""
    return (
        f"{count} of {total} changes came within a minute of a change of firmware or bank, which "
        "may be the cause instead"
    )


def _of_word(found: Monotonic) -> Relation:
    word = found.word
    size = 8 * len(word.bytes)
    order = f", {word.order}" if len(word.bytes) > 1 else ""
    steps = f"{found.least}" if found.least == found.most else f"{found.least} to {found.most}"
    way = "rises" if found.rising else "falls"
    pace = "with each reading" if found.steady else "now and then"
    kind = "counter" if found.steady else "number that never turns"
    carries = f", {found.carries} carries into its highest byte" if order else ""
    text = (
        f"is a {size}-bit {kind}{order}: it {way} by {steps} {pace}, {found.steps} times{carries}"
    )
    if order:
        text += " (in one battery)"
    return Relation(str(word), text, found.bits * math.log10(2), word.bytes)


def _facts(
    survey: Survey, at: int, found: Mapping[ChangeSignal, Sequence[Association]]
) -> ByteFacts:
    bits = sorted(each.bit for each in found if each.byte == at and each.bit != WHOLE)
    constant, warning = _constant(survey, at)
    return ByteFacts(
        place=at,
        values=_values(survey, at),
        bits=_bits(survey, at, bits),
        changes=sum(each.changes[at] for each in survey.batteries.values()),
        first=survey.events[at],
        related=found.get(ChangeSignal(at), []),
        of_bits={bit: found[ChangeSignal(at, bit)] for bit in bits},
        constant=constant,
        warning=warning or _disturbed(survey, at),
    )


def _values(survey: Survey, at: int) -> str:
    counts = survey.counts[at]
    if len(counts) == 1:
        return f"{next(iter(counts)):02X} in all"
    shown = counts.most_common(MOST_VALUES_SHOWN)
    text = ", ".join(f"{value:02X} {count}" for value, count in sorted(shown))
    rest = len(counts) - len(shown)
    return f"{text} and {rest} more values" if rest else text


def _bits(survey: Survey, at: int, bits: Sequence[int]) -> str:
    """How often each of several bits that changed did, and in which share it is set."""
    counts = survey.counts[at]
    shown = []
    for bit in bits:
        changes = sum(survey.changes.of_signal(ChangeSignal(at, bit)))
        is_set = sum(count for value, count in counts.items() if value >> bit & 1)
        shown.append(f"{bit} {changes} times, set in {100 * is_set / counts.total():.0f} %")
    return "; ".join(shown)


def _constant(survey: Survey, at: int) -> tuple[str, str]:
    """What it is constant in, and a warning if that may be something else."""
    if len(survey.counts[at]) == 1:
        return "", ""
    firmware = {name: each[at] for name, each in survey.by_firmware.items()}
    batteries = list(survey.batteries.values())
    if len(firmware) > 1 and all(len(values) == 1 for values in firmware.values()):
        text = ", ".join(
            f"{_only(values):02X} with {name}" for name, values in sorted(firmware.items())
        )
        both = any(len(each.firmware) > 1 for each in batteries)
        warning = (
            ""
            if both
            else (
                "no battery was seen with both: it may be the batteries or their banks that differ"
            )
        )
        return f"constant of each firmware: {text}", warning
    if all(len(each.values[at]) == 1 for each in batteries):
        return f"constant of each battery: {_shares(batteries, at)}", ""
    return "", ""


def _shares(batteries: list[SurveyedBattery], at: int) -> str:
    values = [_only(each.values[at]) for each in batteries]
    shown = sorted(set(values))
    if len(shown) > MOST_VALUES_SHOWN:
        return f"{len(shown)} values in {len(values)} batteries"
    return ", ".join(f"{value:02X} in {values.count(value)}" for value in shown)


def _only(values: set[int]) -> int:
    (value,) = values
    return value
