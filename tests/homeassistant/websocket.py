"""Home Assistant's websocket API, for what it has no REST: settings of energy, dashboards, ids."""

from __future__ import annotations

import base64
import json
import os
import socket
from contextlib import closing
from typing import Any

from .hass import Hass

TIMEOUT_S = 60.0
TEXT, PING, PONG = 0x1, 0x9, 0xA


def ask(hass: Hass, kind: str, **more: Any) -> Any:
    """Ask one thing; AssertionError if it is refused."""
    return ask_all(hass, [{"type": kind, **more}])[0]


def ask_all(hass: Hass, questions: list[dict[str, Any]]) -> list[Any]:
    """Ask several things, one after the other, on a connection of their own."""
    answers = []
    with closing(socket.create_connection(("127.0.0.1", hass.port), TIMEOUT_S)) as peer:
        _upgrade(peer, hass.port)
        assert _receive(peer)["type"] == "auth_required"
        _send(peer, {"type": "auth", "access_token": hass.tokens["access_token"]})
        assert _receive(peer)["type"] == "auth_ok"
        for number, question in enumerate(questions, 1):
            _send(peer, {"id": number, **question})
            answer = _receive(peer)
            assert answer.get("success"), (question, answer)
            answers.append(answer["result"])
    return answers


def _upgrade(peer: socket.socket, port: int) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    peer.sendall(
        f"GET /api/websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += _exactly(peer, 1)
    assert b" 101 " in head.splitlines()[0], head


def _send(peer: socket.socket, what: dict[str, Any]) -> None:
    _frame(peer, TEXT, json.dumps(what).encode())


def _receive(peer: socket.socket) -> Any:
    """The next message; one that comes in pieces is put together."""
    text = b""
    while True:
        first, second = _exactly(peer, 2)
        length = second & 0x7F
        if length >= 126:
            length = int.from_bytes(_exactly(peer, 2 if length == 126 else 8), "big")
        payload = _exactly(peer, length)
        if first & 0xF == PING:
            _frame(peer, PONG, payload)
            continue
        text += payload
        if first & 0x80:
            return json.loads(text)


def _frame(peer: socket.socket, kind: int, payload: bytes) -> None:
    """Send a frame; a client masks it."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    peer.sendall(bytes([0x80 | kind]) + length + mask + masked)


def _exactly(peer: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = peer.recv(count - len(found))
        assert part, "Home Assistant has closed the connection"
        found += part
    return found
