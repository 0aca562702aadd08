"""Whatever is asked of the page: an answer or none, but always an end."""

from __future__ import annotations

import errno
import http.client
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.broker import free_port, wait_until

LIMIT_S = 30.0

methods = st.sampled_from([b"GET", b"HEAD", b"POST", b"get", b""]) | st.binary(max_size=5)
paths = st.sampled_from([b"/", b"/batteries.json", b"/health", b"/metrics", b"*", b"http://x/"])
versions = st.sampled_from([b"HTTP/1.0", b"HTTP/1.1", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.-1", b""])
lines = st.sampled_from(
    [b"Host: 127.0.0.1", b"Host: [::1", b"Content-Length: -1", b"Expect: 100-continue", b": x"]
)
heads = st.tuples(
    st.tuples(methods, paths | st.binary(max_size=50), versions).map(b" ".join),
    st.lists(lines | st.binary(max_size=50), max_size=8).map(b"\r\n".join),
).map(b"\r\n".join)


REFUSED = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answer(port, head):
    """All that comes back, until the page ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as client:
        received = b""
        try:
            client.sendall(head)
            client.shutdown(socket.SHUT_WR)
            while data := client.recv(65_536):
                received += data
        except OSError as error:
            if error.errno not in REFUSED:  # else it had not read all that we sent
                raise
        return received


@pytest.mark.hypothesis  # so that make fuzz takes it
def test_any_head_of_a_request_ends_its_connection_and_nothing_else(start, tmp_path):
    port = free_port()
    ini, log = tmp_path / "page.ini", tmp_path / "log"
    ini.write_text(f"[web]\nlisten = 127.0.0.1:{port}\n")
    with log.open("w") as errors:
        process = start("-v", "-c", ini, "--input", "simulator:1", "--output", "web", stderr=errors)
    wait_until(lambda: listens(port), "the page")

    @given(st.binary(max_size=300) | heads)
    @example(b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 200)
    @example(b"GET /" + b"a" * 70_000)
    @example(b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3" + b"\0" * 200)  # TLS
    def ends(head):
        answer(port, head)

    ends()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    connection.request("GET", "/batteries.json")
    assert connection.getresponse().status == 200
    connection.close()
    assert process.poll() is None
    assert "Traceback" not in log.read_text()
