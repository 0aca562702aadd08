"""What a request may be: the size of its head, and the password that it must show."""

from __future__ import annotations

import base64
import hmac
from http.client import LineTooLong
from io import BufferedIOBase

MOST_HEAD = 16 * 1024
"""Bytes of a request line and its header lines together; browsers send about 1 KiB."""


class Head:
    """The lines of a request's head; raises LineTooLong behind MOST_HEAD bytes."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self._left = MOST_HEAD

    def readline(self, limit: int) -> bytes:
        """The next line, as a file gives it."""
        line = self._file.readline(min(limit, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise LineTooLong("head")
        return line

    def close(self) -> None:
        self._file.close()


class Password:
    """Basic authentication of one user; without a password everybody may read."""

    CHALLENGE = 'Basic realm="eflexcan2mqtt", charset="UTF-8"'

    def __init__(self, username: str = "", password: str = "") -> None:
        self.locked = bool(password)
        self._expected = base64.b64encode(f"{username}:{password}".encode())

    def allow(self, authorization: str) -> bool:
        """Whether an Authorization header, or an empty text, shows the password."""
        scheme, _, shown = authorization.partition(" ")
        same = hmac.compare_digest(shown.strip().encode(), self._expected)
        return not self.locked or (same and scheme.lower() == "basic")
