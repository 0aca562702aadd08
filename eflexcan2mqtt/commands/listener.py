"""The host and port of a broker in; what answers there if it is none, in words, out.

Another program may never answer to MQTT, or close the connection without a word: then its own
language is tried.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

from ..settings.schema import Mqtt

TRY_S = 2.0

HTTP = (
    "this port speaks HTTP; set [mqtt] transport = websockets if the broker is behind a web "
    "server, else port to one that speaks MQTT"
)

_REQUEST = b"GET / HTTP/1.0\r\n\r\n"
_ANSWER = b"HTTP/"


def other_listener(config: Mqtt) -> str | None:
    """What there is instead of the broker; None if that cannot be seen.

    Takes a few seconds at most, and sends no name or password.
    """
    tls = False
    for secure in (False, True):
        with suppress(OSError), _connected(config, secure) as peer:
            tls = secure
            peer.sendall(_REQUEST)
            if peer.recv(len(_ANSWER)) == _ANSWER and config.transport == "tcp":
                return HTTP
    if tls and not config.tls:
        return "this port speaks TLS; set [mqtt] tls = yes, or port to one without TLS"
    return None


def _connected(config: Mqtt, secure: bool) -> socket.socket:
    [broker] = config.brokers
    peer = socket.create_connection((broker.host, broker.port), TRY_S)
    if not secure:
        return peer
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing secret is sent
    with peer:
        return context.wrap_socket(peer, server_hostname=broker.host)
