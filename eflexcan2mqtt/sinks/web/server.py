"""The page over HTTP: read-only, bounded, and only for those who mean this machine."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import logging
import re
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ... import __version__
from ...protocol.fields import FIELDS
from .board import Board

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 40
MOST_STREAMS = 16
REQUEST_S = 5.0
"""A request must be made and answered in so long, but for a stream of events."""

RETRY_S = 10.0
TICK_S = 1.0

JSON = "application/json"


class Web:
    """The page's server, in a thread; waits for its address if that is not there yet."""

    def __init__(self, host: str, port: int, board: Board) -> None:
        self._address = (host, port)
        self._board = board
        self._closed = threading.Event()
        self._server: _Server | None = None
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening; whoever looks is left alone."""
        self._closed.set()
        if self._server:
            self._server.shutdown()

    def _run(self) -> None:
        name = "{}:{}".format(*self._address)
        told = False
        while not self._closed.is_set():
            try:
                with _Server(self._address, self._board) as server:
                    self._server = server
                    log.info("http://%s: the page is here", name)
                    server.serve_forever(poll_interval=TICK_S / 2)
                    return
            except OSError as error:
                if not told:
                    log.warning("http://%s: %s; trying again", name, error.strerror or error)
                told = True
            self._closed.wait(RETRY_S)


class _Server(ThreadingHTTPServer):
    """A thread for each connection, and never too many of them."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], board: Board) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.board = board
        self.page, self.policy = _page()
        self.streams = threading.Semaphore(MOST_STREAMS)
        self._guard = threading.Lock()
        self._until: dict[Any, float] = {}  # when each connection has lasted too long
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            full = len(self._until) >= MOST_CONNECTIONS
            if not full:
                self._until[request] = time.monotonic() + REQUEST_S
        if full:
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._until.pop(request, None)
        super().shutdown_request(request)

    def stream(self, request: Any) -> None:
        """Let a connection last."""
        with self._guard:
            self._until[request] = float("inf")

    def service_actions(self) -> None:
        # Called about twice a second: whoever dawdles is cut off.
        now = time.monotonic()
        with self._guard:
            late = [request for request, until in self._until.items() if now > until]
        for request in late:
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                log.debug("a connection has gone by itself")

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address
        log.debug("a client of the page is gone", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "eflexcan2mqtt"
    sys_version = ""
    timeout = REQUEST_S

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        if not _means_us(self.headers.get("Host", "")):
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
            from . import metrics  # which is for those who ask for it

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
        """Server-sent events: first what was, then each cycle, and every second how we are."""
        if self.command == "HEAD":
            self._head(HTTPStatus.OK, "text/event-stream")
            self.end_headers()
            return
        if not self.server.streams.acquire(blocking=False):
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", "too many look already\n")
            return
        try:
            self.server.stream(self.connection)
            self._head(HTTPStatus.OK, "text/event-stream")
            self.end_headers()
            self._event("past", board.past())
            seen = 0
            while True:
                number, text = board.wait(seen, TICK_S)
                if number != seen:
                    self._event("cycle", text)
                seen = number
                self._event("health", json.dumps(board.health()))
        except OSError:
            log.debug("a client of the page is gone")
        finally:
            self.server.streams.release()

    def _event(self, name: str, text: str) -> None:
        self.wfile.write(f"event: {name}\ndata: {text}\n\n".encode())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        # The usual one shows what was asked for.
        del message, explain
        refused = code == HTTPStatus.NOT_IMPLEMENTED
        self.command = self.command or "GET"
        self.requestline = ""
        status = HTTPStatus.METHOD_NOT_ALLOWED if refused else HTTPStatus(code)
        self._send(status, "text/plain", f"{status.phrase}\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name there)
        log.debug(format, *args)


def _means_us(host: str) -> bool:
    """Whether a Host header names this machine; a page elsewhere can make a browser ask us by
    a name of its own, but not by our address."""
    name = re.sub(r":\d+$", "", host).strip("[]").lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        own = socket.gethostname().lower()
        return name in ("localhost", own, own.partition(".")[0], own.partition(".")[0] + ".local")
    return True


def _page() -> tuple[str, str]:
    """The page, and the policy that lets a browser run what is in it and nothing else."""
    text = Path(__file__).with_name("page.html").read_text("utf-8")
    fields = [
        {"key": each.key, "unit": each.unit, "meaning": each.meaning, "evidence": each.evidence}
        for each in FIELDS
    ]
    # A data block must not be able to end itself.
    data = json.dumps({"version": __version__, "fields": fields}).replace("<", "\\u003c")
    page = text.replace("{{data}}", data)
    sources = {
        f"{kind}-src": " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"
            for part in re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        )
        for kind, tag in (("script", "script"), ("style", "style"))
    }
    policy = {
        "default-src": "'none'",
        **sources,
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return page, "; ".join(f"{name} {value}" for name, value in policy.items())
