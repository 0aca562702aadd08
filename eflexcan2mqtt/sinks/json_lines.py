"""Arrays out as JSON, one a line."""

from __future__ import annotations

import json
import sys

from ..protocol.decode import Reading, select
from . import Context, Sink
from .text_lines import TextLines

# As json.dumps, but without looking for an array within itself, a twentieth of its price.
_encode = json.JSONEncoder(check_circular=False).encode


def make(context: Context) -> Sink:
    """The sink that prints arrays on stdout."""
    shown = select(context.config.mqtt.fields)
    return TextLines(sys.stdout, lambda cycle: to_json(shown(cycle)), context.interruptible)


def to_json(cycle: list[Reading]) -> str:
    """The array of one cycle, as text in one line."""
    return _encode(cycle)
