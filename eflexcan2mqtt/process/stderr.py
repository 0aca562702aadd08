"""Log records in, lines on stderr out; a stderr that nobody reads never holds the program up."""

from __future__ import annotations

import logging
import os
import select
import sys

STDERR = 2

WAIT_S = 1.0
"""A slow reader gets so much time, once; after that lines are dropped until it reads again."""


class Stderr(logging.Handler):
    """Writes to stderr while it takes something, and counts the records that it did not take.

    A pipe or the journal's socket that is full would block a write for ever.  What poll() says
    is writable takes PIPE_BUF bytes at least.
    """

    def __init__(self) -> None:
        super().__init__()
        self._poll = select.poll()
        self._poll.register(STDERR, select.POLLOUT)
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        if self._dropped and self._writable(0):
            words = "stderr was not read: dropped %d messages"
            lost = {"levelname": "WARNING", "msg": words, "args": (self._dropped,)}
            self._dropped = 0 if self._write(logging.makeLogRecord(lost)) else self._dropped
        if self._dropped or not self._write(record):
            self._dropped += 1

    def _write(self, record: logging.LogRecord) -> bool:
        """Whether the record was written as a whole."""
        text = f"{self.format(record)}\n".encode(sys.stderr.encoding, "backslashreplace")
        while text:
            if not self._writable(0 if self._dropped else WAIT_S):
                return False
            try:
                text = text[os.write(STDERR, text[: select.PIPE_BUF]) :]
            except OSError:
                return False  # its reader or its disk is gone: there is no other place to say so
        return True

    def _writable(self, wait_s: float) -> bool:
        return any(event & select.POLLOUT for _, event in self._poll.poll(wait_s * 1000))
