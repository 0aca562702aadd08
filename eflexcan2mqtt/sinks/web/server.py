"""The page's server, in threads of its own: a bounded number of connections, none held up."""

from __future__ import annotations

import logging
import socket
import threading
import time
from http.server import ThreadingHTTPServer
from typing import Any

from .answers import REQUEST_S, Answer
from .board import Board
from .document import document

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 40
MOST_STREAMS = 16
RETRY_S = 10.0
POLL_S = 0.5


class PageServer:
    """Serves the board over HTTP, in a thread; retries until it can have its address."""

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
        """Stop listening; open connections end with the process."""
        self._closed.set()
        if self._server:
            self._server.shutdown()

    def _run(self) -> None:
        name = "{}:{}".format(*self._address)
        announced = False
        while not self._closed.is_set():
            try:
                with _Server(self._address, self._board) as server:
                    self._server = server
                    log.info("http://%s: serving the page", name)
                    server.serve_forever(poll_interval=POLL_S)
                    return
            except OSError as error:
                if not announced:
                    log.warning(
                        "http://%s: %s; retrying until it works", name, error.strerror or error
                    )
                announced = True
            self._closed.wait(RETRY_S)


class _Server(ThreadingHTTPServer):
    """A thread for each connection, MOST_CONNECTIONS at most."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], board: Board) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.board = board
        self.page, self.policy = document()
        self.streams = threading.Semaphore(MOST_STREAMS)
        self._guard = threading.Lock()
        self._until: dict[Any, float] = {}  # the time at which each connection must have ended
        super().__init__(address, Answer)

    def keep(self, request: Any) -> None:
        """Let a connection last as long as its client wants."""
        with self._guard:
            self._until[request] = float("inf")

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

    def service_actions(self) -> None:
        # Called every POLL_S: slow clients are disconnected.
        now = time.monotonic()
        with self._guard:
            late = [request for request, until in self._until.items() if now > until]
        for request in late:
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                log.debug("a slow client has disconnected by itself")

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address
        log.debug("a client of the page has disconnected", exc_info=True)
