"""A writer of history or of recordings in its thread, without its sink."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any, Protocol, TypeVar

from .broker import LONGEST_WAIT_S


class _Writer(Protocol):
    @property
    def queue(self) -> Queue[Any]: ...

    def run(self) -> None: ...


Writer = TypeVar("Writer", bound=_Writer)


@contextmanager
def running(writer: Writer) -> Iterator[Writer]:
    """Run it until the end of the block, which is when it has to end."""
    thread = threading.Thread(target=writer.run)
    thread.start()
    try:
        yield writer
    finally:
        writer.queue.put(None)
        thread.join(LONGEST_WAIT_S)
        assert not thread.is_alive()
