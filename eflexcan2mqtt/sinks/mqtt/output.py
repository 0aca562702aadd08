"""The broker as a sink: the settings in, a connected MqttSink out."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...protocol.reading import Reading
from ...settings.schema import Config, SpoolSettings
from .. import Context, Sink
from .sink import MqttSink

if TYPE_CHECKING:
    from ..homeassistant.discovery import Discovery
    from .spool import Spool

log = logging.getLogger(__name__)
CLOSE_S = 1.5
DRAIN_S = 30.0


class MqttOutput(Sink):
    def __init__(self, context: Context) -> None:
        config = context.config
        spool = _open_spool(config.spool) if context.live else None
        self._sink = MqttSink(config.mqtt, spool, discovery=_discovery(config))
        self._due = _interval(config.mqtt.publish_interval, context.clock)
        self._wait = None if context.live else context.interruptible
        self._left, self._since = 0, 0.0
        self._sink.start()

    def publish(self, cycle: list[Reading]) -> None:
        if not self._due():
            return
        if self._wait:
            with self._wait:
                self._sink.wait_for_room()
        self._sink.publish(cycle)

    def tick(self) -> None:
        self._sink.tick()

    def state(self) -> dict[str, Any]:
        return {
            "broker": self._sink.connection(),
            "waiting": self._sink.undelivered(),
            "connections": self._sink.connections,
        }

    def drained(self) -> bool:
        left, now = self._sink.undelivered(), time.monotonic()
        if left != self._left:
            self._left, self._since = left, now
        return not left or now - self._since > DRAIN_S

    def close(self) -> int:
        left = self._sink.undelivered()
        self._sink.close(CLOSE_S)
        return left


def _interval(seconds: float, clock: Callable[[], float]) -> Callable[[], bool]:
    """Whether an array is due: the first, and then each first one after so many seconds."""
    last: float | None = None

    def due() -> bool:
        nonlocal last
        now = clock()
        # A recorded clock may go back: then counting begins anew.
        if seconds and last is not None and last <= now < last + seconds:
            return False
        last = now
        return True

    return due


def _discovery(config: Config) -> Discovery | None:
    if not config.homeassistant.discovery:
        return None
    from ..homeassistant.discovery import Discovery

    return Discovery(config.homeassistant, config.mqtt)


def _open_spool(config: SpoolSettings) -> Spool | None:
    """The spool, if there is to be one and the disk lets us."""
    directory = config.directory
    if directory is None:
        directory = os.environ.get("STATE_DIRECTORY", "")
    if not directory:
        return None
    from .outbox import SpoolError
    from .spool import Spool

    try:
        spool = Spool(Path(directory), config.max_mb, config.max_age_days)
    except SpoolError as error:
        log.warning("%s; on without a spool, arrays wait in memory", error)
        return None
    if spool.set_aside:
        log.warning("%s: was no spool, now %s", spool.path, spool.set_aside.name)
    if spool.count:
        log.info("%s: %d arrays wait for the broker", spool.path, spool.count)
    return spool
