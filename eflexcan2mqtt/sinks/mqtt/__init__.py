"""Arrays to the broker, and everything else that is said to it."""

from __future__ import annotations

from .. import Context, Sink
from ..message import Announcer


def make(context: Context) -> Sink:
    """The sink that publishes to the broker of ``[mqtt]``."""
    from .sink import MqttSink  # other modules of this folder are used without a sink

    config = context.config
    announcers: list[Announcer] = []
    if config.homeassistant.discovery:
        from ..homeassistant.discovery import Discovery

        page_url = ""
        if config.web.listen:
            from ..web.address import open_url

            page_url = open_url(config.web.listen)
        announcers.append(
            Discovery(
                config.homeassistant,
                config.mqtt,
                attention=context.attention,
                page_url=page_url,
            )
        )
    if config.mqtt.values:
        from .bank_values import BankValues

        announcers.append(BankValues(config.mqtt.topic))
    # An input that can be kept waiting needs no spool.
    spool, waits = (config.spool, None) if context.live else (None, context.interruptible)
    sink = MqttSink(config.mqtt, spool, tuple(announcers), clock=context.clock, waits=waits)
    sink.start()
    return sink
