"""What is wrong with a port is said in words that name the settings."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from tests.support.broker import wait_until
from tests.support.faults import seen


def test_speaking_tls_to_a_port_without_it_is_one_line(open_sink, broker, lines):
    open_sink(broker.port, tls=True)
    wait_until(lines)
    [line] = lines()
    assert line == (
        f"127.0.0.1:{broker.port}: no secure connection: this port does not speak TLS; "
        "check [mqtt] port, tls and transport; arrays are kept until it is back"
    )


def test_a_port_that_closes_the_connection_without_a_word_is_one_line(open_sink, lines):
    """As one does that expects TLS."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        open_sink(server.getsockname()[1])
        deadline = time.monotonic() + 30
        while not lines() and time.monotonic() < deadline:
            with suppress(TimeoutError):
                server.accept()[0].close()
    [line] = lines()
    seen("the port expects TLS, or belongs to another program", line)
