"""The frames of a simulated bank that charges by day and discharges by night, with its faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from ..protocol import blocks
from ..protocol.blocks import CELLS, STATUS, Event, Frame, Silence, burst
from .faults import Fault, Faults
from .simulated_bank import Bank

CYCLE_S = blocks.CYCLE_S
BURST_S = 0.008
SECOND_BATTERY_S = 0.013
EACH_BATTERY_S = 0.020

FRAMES_PER_BURST = len(STATUS.markers) + len(CELLS.markers)


def frames(
    batteries: int, start: float, seed: int = 1, faults: Iterable[Fault] = ()
) -> Iterator[Frame]:
    """Only the frames of ``events``, as in a recording."""
    return (each for each in events(batteries, start, seed, faults) if each is not Silence.SECOND)


def events(
    batteries: int, start: float, seed: int = 1, faults: Iterable[Fault] = ()
) -> Iterator[Event]:
    """Yield the frames of a bank for ever, with the timing of the real bus.

    ``start`` is the time of the first, in seconds.  The same seed gives the same ids and
    data, and the same times after ``start``.  The simulated day begins at nine in the
    morning of midsummer, whatever the time is.  A cycle without a frame is a second of
    silence.
    """
    wrong = Faults(faults, seed)
    bank = Bank(batteries, seed, spoil=wrong.spoil)
    random = Random(seed)  # noqa: S311 (jitter, not keys)
    elapsed = 0.0
    while True:
        silent = True
        for number, payloads in enumerate(bank.step(CYCLE_S), 1):
            sent = start + elapsed + _slot(number)
            whole = []
            for can_id, data in burst(number, *payloads):
                whole.append((can_id, data, round(sent, 6)))
                sent += BURST_S / FRAMES_PER_BURST * random.uniform(0.8, 1.2)
            for frame in wrong.kept(number, whole, elapsed):
                silent = False
                yield frame
        if silent:
            yield Silence.SECOND
        elapsed += CYCLE_S


def _slot(number: int) -> float:
    """When a battery's burst begins, in seconds after the cycle's first."""
    return 0.0 if number == 1 else SECOND_BATTERY_S + (number - 2) * EACH_BATTERY_S
