"""What the program does besides running; each command returns findings and prints nothing."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """What a command found or did, as a sentence, and whether it is good news."""

    good: bool
    text: str


def unreadable(name: str, error: OSError) -> Finding:
    """A file could not be read, or not to its end."""
    return Finding(False, f"{error.filename or name}: {error.strerror}")


def left_out(name: str, count: int) -> str:
    """So many readings of a recording did not count, as they are in another one."""
    return (
        f"{name}: left out {count} readings, for a recording before it has the same batteries at "
        "the same times"
    )


class Caveat(Finding):
    """Good news, with a warning: it works, but there is something to know or to do."""

    __slots__ = ()
