"""The page's server, in threads of its own: a bounded number of connections, none held up."""

from __future__ import annotations

import logging
import socket
import threading
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from ...settings.schema import WebSettings
from . import address
from .address import Address
from .answers import REQUEST_S, Answer
from .board import Board
from .connections import Connections
from .document import document
from .names import Names
from .request import Password

if TYPE_CHECKING:
    from ..history.past import Past
    from ..recorder.sink import Recorder

log = logging.getLogger(__name__)

MOST_STREAMS = 16
MOST_QUESTIONS = 4
"""Answers about history at a time: each takes memory and a processor."""
RETRY_S = 10.0
POLL_S = 0.5


class PageServer:
    """Serves the board over HTTP, in a thread; retries until it can have its address."""

    def __init__(
        self,
        settings: WebSettings,
        board: Board,
        past: Past | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._settings = settings
        self._address = address.parse(settings.listen)
        self._board = board
        self._past, self._recorder = past, recorder
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
        url = self._address.url
        announced = False
        while not self._closed.is_set():
            try:
                with _Server(
                    self._address, self._settings, self._board, self._past, self._recorder
                ) as server:
                    self._server = server
                    self._announce()
                    server.serve_forever(poll_interval=POLL_S)
                    return
            except OSError as error:
                if not announced:
                    log.warning("%s: %s; retrying until it works", url, error.strerror or error)
                announced = True
            self._closed.wait(RETRY_S)

    def _announce(self) -> None:
        urls = " or ".join(self._address.urls())
        log.info("%s: serving the page", urls)
        if not (self._address.loopback or self._settings.password):
            log.warning(
                "the page asks for no password: all in the network of %s can read it; "
                "set [web] password_file to change this",
                urls,
            )


class _Server(ThreadingHTTPServer):
    """A thread for each connection, of which there are not too many."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        where: Address,
        settings: WebSettings,
        board: Board,
        past: Past | None,
        recorder: Recorder | None,
    ) -> None:
        self.address_family = where.family
        self.board = board
        self.past, self.recorder = past, recorder
        self.questions = threading.Semaphore(MOST_QUESTIONS)
        self.page, self.policy = document(
            settings, history=past is not None, recorder=recorder is not None
        )
        self.names = Names(settings.names)
        self.password = Password(settings.username, settings.password)
        self.streams = threading.Semaphore(MOST_STREAMS)
        self._connections = Connections()
        self.keep = self._connections.keep
        super().__init__(where, Answer)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._connections.add(request, client_address[0], REQUEST_S):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        self._connections.remove(request)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        # Called every POLL_S: slow clients are disconnected.
        for request in self._connections.late():
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                log.debug("a slow client has disconnected by itself")

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address
        log.debug("a client of the page has disconnected", exc_info=True)
