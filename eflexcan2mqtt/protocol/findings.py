"""What needs attention, as outputs get it. A type; no I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BankFinding:
    """Something that needs attention; without ``battery_number`` it is about the bank or the bus.

    ``kind``, ``severity`` and ``unit`` are those of its Limit.  ``value`` is the latest that was
    judged, None if it is a yes or no; ``cell`` counts from 1.  ``since`` is when it began, in
    seconds since 1970 by the times of the frames; None until there was one.
    """

    kind: str
    severity: str
    battery_number: int | None
    battery_id: str | None
    cell: int | None
    value: float | None
    unit: str
    since: int | None
    sentence: str
