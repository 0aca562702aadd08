"""A page for tests, and requests to it."""

from __future__ import annotations

import http.client
import socket
from contextlib import contextmanager
from pathlib import Path

from eflexcan2mqtt.settings.schema import WebSettings
from eflexcan2mqtt.sinks.web.server import PageServer
from tests.support.broker import free_port, wait_until

PATHS = ("/", "/batteries.json", "/events", "/health", "/metrics")


class Clock:
    """A clock that stands until it is set."""

    now = 1000.0

    def __call__(self):
        return self.now


@contextmanager
def serving(board, **settings):
    """A page with these settings; its port."""
    number = free_port()
    server = PageServer(WebSettings(listen=f"127.0.0.1:{number}", **settings), board)
    server.start()
    wait_until(lambda: listens(number), "the page")
    yield number
    server.close()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port, path, method="GET", host="127.0.0.1", **headers):
    """Status, headers and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Host": host, **headers})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read().decode()


def status_of(process):
    return Path(f"/proc/{process.pid}/status").read_text()
