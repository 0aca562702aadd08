"""A network between a client and a broker on loopback, with faults to order."""

from __future__ import annotations

import selectors
import socket
import threading
import time

ACKNOWLEDGEMENTS = frozenset({4, 5, 7})
"""PUBACK, PUBREC and PUBCOMP, by their packet type."""


class Proxy:
    """Forwards connections to a port, until it is closed.

    ``lifetime_s`` cuts each connection so long after its beginning; ``swallowed`` are the types
    of the broker's packets that never arrive.  Both may be changed at any time.
    """

    def __init__(self, target: int) -> None:
        self.lifetime_s: float | None = None
        self.swallowed: frozenset[int] = frozenset()
        self.cuts = 0
        self._target = target
        self._down = self._closed = False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def down(self) -> None:
        """End all connections and take no more."""
        self._down = True

    def up(self) -> None:
        """Work again."""
        self._down = False

    def close(self) -> None:
        self._closed = True
        self._thread.join()
        self._server.close()

    def _run(self) -> None:
        pairs: list[_Pair] = []
        self._server.settimeout(0.01)
        while not self._closed:
            try:
                client = self._server.accept()[0]
            except TimeoutError:
                pass
            else:
                if self._down:
                    client.close()
                else:
                    pairs.append(_Pair(client, self._target))
            for pair in pairs:
                old = self.lifetime_s is not None and pair.age() > self.lifetime_s
                if self._down or old:
                    pair.close()
                    self.cuts += 1
                else:
                    pair.forward(self.swallowed)
            pairs = [pair for pair in pairs if not pair.closed]
        for pair in pairs:
            pair.close()


class _Pair:
    """A client and its connection to the broker."""

    def __init__(self, client: socket.socket, target: int) -> None:
        self.closed = False
        self._begun = time.monotonic()
        self._client = client
        self._broker = socket.create_connection(("127.0.0.1", target))
        self._rest = b""  # of a packet of the broker
        self._selector = selectors.DefaultSelector()
        for each in (self._client, self._broker):
            self._selector.register(each, selectors.EVENT_READ)

    def age(self) -> float:
        return time.monotonic() - self._begun

    def forward(self, swallowed: frozenset[int]) -> None:
        while not self.closed and (ready := self._selector.select(0)):
            for key, _ in ready:
                try:
                    data = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                    if key.fileobj is self._client:
                        self._broker.sendall(data)
                    else:
                        self._client.sendall(self._without(data, swallowed))
                except OSError:
                    data = b""
                if not data:
                    self.close()
                    break

    def close(self) -> None:
        self.closed = True
        self._selector.close()
        self._client.close()
        self._broker.close()

    def _without(self, data: bytes, swallowed: frozenset[int]) -> bytes:
        """Whole packets of the broker, but those of some types."""
        self._rest += data
        passed = b""
        while (size := _packet_size(self._rest)) and len(self._rest) >= size:
            packet, self._rest = self._rest[:size], self._rest[size:]
            if packet[0] >> 4 not in swallowed:
                passed += packet
        return passed


def _packet_size(data: bytes) -> int:
    """The length of the MQTT packet that begins here, or 0 if that is not to be seen yet."""
    length = 0
    for place, byte in enumerate(data[1:5]):
        length |= (byte & 127) << 7 * place
        if byte < 128:
            return 2 + place + length
    return 0
