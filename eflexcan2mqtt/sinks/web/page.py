"""The page as a sink: cycles in, a board for the threads that show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...protocol.reading import Reading
from ...settings.schema import WebSettings
from .. import Sink
from .board import Board
from .server import PageServer

if TYPE_CHECKING:
    from ..history.past import Past
    from ..recorder.sink import Recorder


class Page(Sink):
    """Serves the latest cycles at ``[web] listen`` until it is closed.

    ``health`` is shown beside them, asked about once a second; ``capacity_kwh`` is that of the
    bank, 0 what its batteries have by their model; ``past`` is what was before,
    ``recorder`` has recordings.
    """

    def __init__(
        self,
        settings: WebSettings,
        health: Callable[[], dict[str, Any]],
        capacity_kwh: float = 0.0,
        past: Past | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._health = health
        self._board = Board(capacity_kwh=capacity_kwh)
        self._server = PageServer(settings, self._board, past, recorder)
        self._server.start()

    def publish(self, cycle: list[Reading]) -> None:
        self._board.publish(cycle)

    def tick(self) -> None:
        self._board.set_state(**self._health())

    def drained(self) -> bool:
        """Never: the last cycle stays on the page until a signal comes."""
        return False

    def close(self) -> int:
        self._server.close()
        return 0
