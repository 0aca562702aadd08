"""The settings of the spool in, an outbox with that spool out."""

from __future__ import annotations

import logging
from pathlib import Path

from ...settings.schema import SpoolSettings
from .outbox import Outbox
from .store import SpoolError

log = logging.getLogger(__name__)


def open_outbox(settings: SpoolSettings | None, room: int) -> Outbox:
    """The outbox, with the spool that the settings ask for if the disk lets us have it.

    Without a directory there is none.
    """
    if not settings or not settings.directory:
        return Outbox(None, room)
    from .spool import Spool

    try:
        spool = Spool(Path(settings.directory), settings.max_mb, settings.max_age_days)
        outbox = Outbox(spool, room)
    except SpoolError as error:
        log.warning("%s; running without a spool, arrays wait in memory", error)
        return Outbox(None, room)
    if spool.set_aside:
        log.warning(
            "%s: damaged or not a spool file; renamed to %s", spool.path, spool.set_aside.name
        )
    if waiting := outbox.undelivered():
        log.info("%s: %d arrays wait for the broker", spool.path, waiting)
    return outbox
