"""The settings of the spool in, an outbox with that spool out."""

from __future__ import annotations

import logging
from pathlib import Path

from ...settings import paths
from ...settings.schema import SpoolSettings
from .outbox import Outbox
from .store import SpoolError

log = logging.getLogger(__name__)


def directory_of(settings: SpoolSettings) -> Path | None:
    """The spool's folder: that of the settings, or the service's; None if there is to be none."""
    name = settings.directory
    if name is None:
        name = paths.state_directory()
    return Path(name) if name else None


def open_outbox(settings: SpoolSettings | None, room: int) -> Outbox:
    """The outbox, with the spool that the settings ask for if the disk lets us have it."""
    directory = directory_of(settings) if settings else None
    if not settings or not directory:
        return Outbox(None, room)
    from .spool import Spool

    try:
        spool = Spool(directory, settings.max_mb, settings.max_age_days)
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
