"""Records in, a few of them out for a chart: as many from one hour as from six."""

from __future__ import annotations

from ..protocol.assembler import Record

MOST_POINTS = 1024


class Series:
    """Every so many records of one battery; ever fewer, the longer it takes."""

    def __init__(self) -> None:
        self.points: list[Record] = []
        self._every = 1
        self._count = 0

    def add(self, record: Record) -> None:
        if self._count % self._every == 0:
            self.points.append(record)
            if len(self.points) == MOST_POINTS:
                del self.points[1::2]
                self._every *= 2
        self._count += 1
