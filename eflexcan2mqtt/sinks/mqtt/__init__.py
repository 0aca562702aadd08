"""Arrays to the broker, and everything else that is said to it."""

from __future__ import annotations

from .. import Context, Sink


def make(context: Context) -> Sink:
    """The sink that publishes to the broker of ``[mqtt]``."""
    from .sink import MqttSink  # other modules of this folder are used without a sink

    config = context.config
    announcer = None
    if config.homeassistant.discovery:
        from ..homeassistant.discovery import Discovery

        announcer = Discovery(config.homeassistant, config.mqtt)
    # An input that can be kept waiting needs no spool.
    spool, waits = (config.spool, None) if context.live else (None, context.interruptible)
    sink = MqttSink(config.mqtt, spool, announcer, clock=context.clock, waits=waits)
    sink.start()
    return sink
