"""Arrays to the broker, and everything else that is said to it."""

from __future__ import annotations

from dataclasses import replace

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
                capacity_kwh=config.energy.capacity_kwh,
            )
        )
    if config.mqtt.values:
        from .bank_values import BankValues

        announcers.append(BankValues(config.mqtt.topic))
    several = len(config.mqtt.brokers) > 1
    if several:
        from .presence import Presence
        from .shared import status

        announcers.append(
            Presence(*(status(config.mqtt, word) for word in (b"online", b"offline")))
        )
    spool, waits = None, None
    if context.live:
        from .energy import EnergyCounters

        topic, folder = config.mqtt.topic, config.storage.folder()
        announcers.append(EnergyCounters(topic, folder, context.energy, several=several))
        spool_folder = config.spool.folder(config.storage)
        spool = replace(config.spool, directory=str(spool_folder or ""))
    else:
        # It needs no spool, and its energy may have been counted when it was recorded.
        waits = context.interruptible
    sink = MqttSink(config.mqtt, spool, tuple(announcers), clock=context.clock, waits=waits)
    sink.start()
    return sink
