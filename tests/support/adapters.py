"""The other ends of CAN adapters: on a serial line, on the network, in a multicast group."""

from __future__ import annotations

import os
import pty
import socket
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from eflexcan2mqtt.protocol.blocks import Frame

from .broker import LONGEST_WAIT_S, free_port


def slcan_line(frame: Frame) -> bytes:
    """A frame as a serial adapter sends it."""
    can_id, data, _ = frame
    return f"t{can_id:03X}{len(data)}{data.hex().upper()}\r".encode()


def multicast() -> dict[str, Any]:
    """A group and a port that nobody else uses; no datagram leaves this machine."""
    return {"channel": "239.74.163.9", "port": free_port(), "hop_limit": 0}


class SerialAdapter:
    """An adapter that speaks slcan, as a CANable does, on a pseudo-terminal of ``name``."""

    def __init__(self) -> None:
        self._ours, self._theirs = pty.openpty()
        self.name = os.ttyname(self._theirs)

    def __enter__(self) -> SerialAdapter:
        return self

    def __exit__(self, *_: object) -> None:
        self.pull()
        os.close(self._theirs)

    def wait_until_open(self) -> bytes:
        """Read the commands up to the one that opens the bus; return them."""
        commands = b""
        while not commands.endswith(b"O\r"):
            commands += os.read(self._ours, 1)
        return commands

    def send(self, frames: Iterable[Frame]) -> None:
        self.send_bytes(b"".join(map(slcan_line, frames)))

    def send_bytes(self, data: bytes) -> None:
        """What is no frame, too."""
        os.write(self._ours, data)

    def pull(self) -> None:
        """Cut the line off."""
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1


class Socketcand:
    """A server that passes the frames of one bus on, as socketcand does: to its last client.

    The times that it gives are of no day: the clock of a server is another one.
    """

    def __init__(self, channel: str = "can0") -> None:
        self.channel = channel
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._client: socket.socket | None = None
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> Socketcand:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def wait_until_open(self) -> None:
        """Until a client listens."""
        assert self._opened.wait(LONGEST_WAIT_S)

    def send(self, frames: Iterable[Frame]) -> None:
        assert self._client
        for can_id, data, _ in frames:
            message = f"< frame {can_id:03X} {time.monotonic():.6f} {data.hex().upper()} >"
            self._client.sendall(message.encode())

    def hang_up(self) -> None:
        """End the connection of the client; it may come again."""
        assert self._client
        self._opened.clear()
        self._client.close()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        if self._client:
            self._client.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self._greet(client):
                self._client = client
                self._opened.set()
            else:
                client.close()

    def _greet(self, client: socket.socket) -> bool:
        client.settimeout(LONGEST_WAIT_S)
        client.sendall(b"< hi >")
        for expected in (f"< open {self.channel} >", "< rawmode >"):
            try:
                if client.recv(100).decode() != expected:
                    return False
            except OSError:
                return False
            client.sendall(b"< ok >")
        return True
