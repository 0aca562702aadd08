"""HTTP requests in, answers out: read-only, and only for hosts that name this machine."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Protocol

from .board import Board
from .names import Names
from .request import Head, Password

if TYPE_CHECKING:
    from ..history.past import Past
    from ..recorder.sink import Recorder
    from .recordings import Found

log = logging.getLogger(__name__)

REQUEST_S = 5.0
"""A request must be sent and answered in this time; a stream of events may last."""

QUESTION_S = 2.0
"""So long a question about the past waits for others."""

TICK_S = 1.0

JSON = "application/json"
PLAIN = "text/plain; charset=utf-8"

NONE: Mapping[str, str] = {}

_RECORDING = re.compile(r"/recordings/([\w.-]+)", re.ASCII)


class Answering(Protocol):
    """What an answer needs of its server."""

    board: Board
    past: Past | None
    recorder: Recorder | None
    questions: threading.Semaphore
    page: str
    policy: str
    names: Names
    password: Password
    streams: threading.Semaphore
    keep: Callable[[Any], None]


class Answer(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: Answering  # type: ignore[assignment]
    server_version = "eflexcan2mqtt"
    sys_version = ""
    timeout = REQUEST_S
    command = requestline = ""
    request_version = "HTTP/1.0"

    def setup(self) -> None:
        super().setup()
        self.rfile = Head(self.rfile)  # type: ignore[assignment]

    def handle(self) -> None:
        try:
            super().handle()
        except LineTooLong:  # of the first line; that of others is handled there
            self.send_error(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        names, password = self.server.names, self.server.password
        # A health check may come without a name, a browser never does.  Those of HTTP/0.9 have no
        # headers, and from Python 3.14 on these are a plain dict.
        hosts = [value for name, value in self.headers.items() if name.lower() == "host"]
        if not all(map(names.allow, hosts)):
            self._send(HTTPStatus.MISDIRECTED_REQUEST, PLAIN, names.refusal())
            return
        if not password.allow(self.headers.get("Authorization", "")):
            challenge = {"WWW-Authenticate": password.CHALLENGE}
            self._send(HTTPStatus.UNAUTHORIZED, PLAIN, "needs the password\n", challenge)
            return
        board = self.server.board
        path, _, query = self.path.partition("?")
        if path == "/":
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page)
        elif path == "/batteries.json":
            self._send(HTTPStatus.OK, JSON, board.array())
        elif path == "/health":
            health = board.health()
            good = HTTPStatus.OK if health["healthy"] else HTTPStatus.SERVICE_UNAVAILABLE
            self._send(good, JSON, json.dumps(health))
        elif path == "/metrics":
            from . import metrics  # imported once they are asked for

            self._send(HTTPStatus.OK, metrics.KIND, metrics.metrics(board))
        elif path == "/history":
            from .history import answer  # imported once it is asked for

            self._ask(lambda: (*answer(self.server.past, query), NONE))
        elif path == "/recordings":
            from . import recordings  # imported once they are asked for

            self._ask(lambda: recordings.listed(self.server.recorder, password.locked))
        elif name := _RECORDING.fullmatch(path):
            from . import recordings

            self._ask(lambda: recordings.file(self.server.recorder, name[1], password.locked))
        elif path == "/events":
            self._stream(board)
        else:
            self._send(HTTPStatus.NOT_FOUND, PLAIN, "nothing here\n")

    def _ask(self, question: Callable[[], Found]) -> None:
        """Send what the disk says: one that hangs must not take the page with it."""
        if not self.server.questions.acquire(timeout=QUESTION_S):
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, "too many questions at once\n")
            return
        try:
            found = question()
        finally:
            self.server.questions.release()
        self._send(*found)

    def _send(
        self, status: HTTPStatus, kind: str, content: str | bytes, headers: Mapping[str, str] = NONE
    ) -> None:
        body = content.encode() if isinstance(content, str) else content
        self._head(status, kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")

    def _stream(self, board: Board) -> None:
        """Server-sent events: first the past, then each cycle, and every second the health."""
        if self.command == "HEAD":
            self._head(HTTPStatus.OK, "text/event-stream")
            self.end_headers()
            return
        if not self.server.streams.acquire(blocking=False):
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, "too many open pages\n")
            return
        try:
            self.server.keep(self.connection)
            self._head(HTTPStatus.OK, "text/event-stream")
            self.end_headers()
            self._event("past", board.past())
            seen = 0
            while True:
                number, text = board.wait(seen, TICK_S)
                if number != seen:
                    self._event("cycle", text)
                seen = number
                self._event("health", json.dumps(board.news()))
        except OSError:
            log.debug("a client of the page has disconnected")
        finally:
            self.server.streams.release()

    def _event(self, name: str, text: str) -> None:
        self.wfile.write(f"event: {name}\ndata: {text}\n\n".encode())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        # The inherited answer repeats parts of the request.
        del message, explain
        refused = code == HTTPStatus.NOT_IMPLEMENTED
        self.command = self.command or "GET"
        self.requestline = ""
        status = HTTPStatus.METHOD_NOT_ALLOWED if refused else HTTPStatus(code)
        self._send(status, PLAIN, f"{status.phrase}\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name there)
        log.debug(format, *args)
