"""The simulated bank of the tests of recordings, in the formats of other programs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import can

from eflexcan2mqtt.protocol.blocks import Frame
from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.candump import Candump
from tests.support.bank import START, candump_line, frames_of

BANK = list(islice(simulator.frames(3, START), 3 * 18 * 4))
"""Four cycles of three batteries."""

WRITERS = {
    "asc": can.ASCWriter,
    "blf": can.BLFWriter,
    "csv": can.CSVWriter,
    "trc": can.TRCWriter,
}


def message(frame: Frame, **changes: Any) -> can.Message:
    """A frame as python-can has it."""
    can_id, data, stamp = frame
    fields: dict[str, Any] = {"timestamp": stamp, "arbitration_id": can_id, "data": data}
    return can.Message(**{**fields, "is_extended_id": False, **changes})


def gvret(frame: Frame, direction: str = "Rx,", prefix: str = "00000") -> str:
    """A line as SavvyCAN writes it."""
    can_id, data, stamp = frame
    columns = "".join(f"{each:02X}," for each in data)
    return f"{round(stamp * 1e6)},{prefix}{can_id:03X},false,{direction}0,{len(data)},{columns}\n"


def gvret_header(direction: str = "Dir,") -> str:
    """The first line of SavvyCAN."""
    return f"Time Stamp,ID,Extended,{direction}Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"


def payloads(of_frames: Iterable[Frame]) -> list[tuple[int, bytes]]:
    """The frames without their times."""
    return [each[:2] for each in of_frames]


def candump(of_frames: Iterable[Frame] = BANK) -> list[Frame]:
    """The frames of the same bank, by candump."""
    return frames_of(Candump([candump_line(each).encode() for each in of_frames], "x.log"))
