"""Where cycles go. Every output is a sink: it does one thing with each cycle."""

from __future__ import annotations

from typing import Protocol

from ..protocol.decode import Reading


class Sink(Protocol):
    """What the daemon asks of an output."""

    def publish(self, cycle: list[Reading]) -> None:
        """Take the readings of one cycle, sorted by battery number, never empty.

        Returns at once, or blocks its source as a pipe does.  Raises OSError when the output
        cannot be written, BrokenPipeError when its reader is gone.
        """

    def tick(self) -> None:
        """Called about once a second, with or without cycles."""

    def close(self) -> int:
        """End; return how many arrays did not get out."""
