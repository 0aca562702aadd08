"""What the program does besides running; each command returns findings and prints nothing."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """What a command found or did, as a sentence, and whether it is good news."""

    good: bool
    text: str
