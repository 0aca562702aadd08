"""HTTP requests in, answers out: read-only, and only for hosts that name this machine."""

from __future__ import annotations

import ipaddress
import json
import logging
import re
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol

from .board import Board

log = logging.getLogger(__name__)

REQUEST_S = 5.0
"""A request must be sent and answered in this time; a stream of events may last."""

TICK_S = 1.0

JSON = "application/json"


class Answering(Protocol):
    """What an answer needs of its server."""

    board: Board
    page: str
    policy: str
    streams: threading.Semaphore
    keep: Callable[[Any], None]


class Answer(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: Answering  # type: ignore[assignment]
    server_version = "eflexcan2mqtt"
    sys_version = ""
    timeout = REQUEST_S

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        if not names_this_host(self.headers.get("Host", "")):
            self._send(HTTPStatus.MISDIRECTED_REQUEST, "text/plain", "not the name of this host\n")
            return
        board = self.server.board
        path = self.path.partition("?")[0]
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
        elif path == "/events":
            self._stream(board)
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", "nothing here\n")

    def _send(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self._head(status, kind)
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
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", "too many open pages\n")
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
                self._event("health", json.dumps({**board.health(), "stale": board.stale()}))
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
        self._send(status, "text/plain", f"{status.phrase}\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name there)
        log.debug(format, *args)


def names_this_host(host: str) -> bool:
    """Whether a Host header names this machine.

    A page elsewhere can make a browser ask us under a name of its own, but not by our address.
    """
    name = re.sub(r":\d+$", "", host).strip("[]").lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        own = socket.gethostname().lower()
        return name in ("localhost", own, own.partition(".")[0], own.partition(".")[0] + ".local")
    return True
