"""Arrays to the broker, and whatever else is said to it."""

from __future__ import annotations

from .. import Context, Sink


def make(context: Context) -> Sink:
    """The sink that publishes to ``[mqtt] hostname``."""
    from .output import MqttOutput

    return MqttOutput(context)
