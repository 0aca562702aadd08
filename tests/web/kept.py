"""A history as the bridge would have kept it of the simulated bank, written in a few seconds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.decode import decode
from eflexcan2mqtt.protocol.events import HistoryEvent
from eflexcan2mqtt.protocol.minutes import Minute, Minutes
from eflexcan2mqtt.sinks.history.store import History
from eflexcan2mqtt.sources.simulated_bank import START_HOUR, Bank, Spoil

MINUTE_S = 60
CHARGING_HOUR = 10.5


def bank_before(hours: int, batteries: int, spoil: Spoil | None = None) -> Bank:
    """A bank that starts so many hours ago; now the sun charges it, whatever the time is."""
    day = (CHARGING_HOUR - hours - START_HOUR) / 24
    return Bank(batteries, seed=1, day=day, spoil=spoil)


def keep(folder: Path, bank: Bank, hours: int, events: Sequence[HistoryEvent] = ()) -> None:
    """Fill the history with what the bank does from then until now, and with some events."""
    now = int(time.time()) // MINUTE_S * MINUTE_S
    minutes = Minutes()
    kept: list[Minute] = []
    for then in range(now - hours * 3600, now, MINUTE_S):
        blocks = enumerate(bank.step(MINUTE_S), 1)
        cycle = [decode(Record(number, *both, float(then))) for number, both in blocks]
        # One cycle stands for the minute.
        kept += [
            each._replace(
                seconds=MINUTE_S,
                energy_in=each.energy_in * MINUTE_S,
                energy_out=each.energy_out * MINUTE_S,
            )
            for each in minutes.cycle(cycle)
        ]
    history = History(folder)
    history.write(kept, events)
    history.finish()
    history.close()
