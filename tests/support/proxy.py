"""A network between a client and a broker on loopback, with faults to order.

Both directions are forwarded packet by packet, of MQTT 3.1.1 or 5: a fault can choose its packet.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from itertools import starmap

PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(3, 8)
"""Packet types of MQTT."""

ACKNOWLEDGEMENTS = frozenset({PUBACK, PUBREC, PUBCOMP})

TO_BROKER, TO_CLIENT = "to the broker", "to the client"

TICK_S = 0.01
FULL = 65_536
"""No more bytes than that wait for a peer that does not read."""

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends RST, and what the peer has not read is lost to it."""


class Proxy:
    """Forwards connections to a port, until it is closed.

    Each fault is an attribute, which may be changed at any time:

    ``lifetime_s``  each connection is cut so long after its beginning
    ``held``        directions in which nothing passes: it arrives later, if the connection lasts
    ``answers_after_s``  what the broker sends arrives no sooner after a connection's beginning
    ``bytes_a_tick``     so many bytes pass in each direction in a hundredth of a second
    ``swallowed``   types of the broker's packets that never arrive
    ``cut_in``      type of packet of the client in whose midst the connection is cut, once
    ``garbage``     arrives in place of the broker's next packets, each once

    ``connections`` and ``cuts`` count what there was, ``acknowledged`` those connections in which
    the broker has acknowledged an array.
    """

    def __init__(self, target: int) -> None:
        self.heal()
        self.connections = self.cuts = self.acknowledged = 0
        self._target = target
        self._down = self._closed = self._reset = False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def heal(self) -> None:
        """Have no faults."""
        self.lifetime_s: float | None = None
        self.held: frozenset[str] = frozenset()
        self.answers_after_s = 0.0
        self.bytes_a_tick: int | None = None
        self.swallowed: frozenset[int] = frozenset()
        self.cut_in: int | None = None
        self.garbage: list[bytes] = []

    def down(self) -> None:
        """End all connections and take no more."""
        self._down = True

    def up(self) -> None:
        """Work again."""
        self._down = False

    def reset(self) -> None:
        """End all connections by a reset (RST); return when that is done."""
        self._reset = True
        while self._reset and self._thread.is_alive():
            time.sleep(TICK_S)

    def close(self) -> None:
        self._closed = True
        self._thread.join()
        self._server.close()

    def _run(self) -> None:
        pairs: list[_Pair] = []
        self._server.settimeout(TICK_S)
        while not self._closed:
            with suppress(TimeoutError):
                client = self._server.accept()[0]
                try:
                    if self._down:
                        raise ConnectionRefusedError
                    pairs.append(_Pair(client, self._target))
                    self.connections += 1
                except OSError:
                    client.close()
            reset = self._reset
            for pair in pairs:
                old = self.lifetime_s is not None and pair.age() > self.lifetime_s
                if self._down or reset or old:
                    pair.close(reset)
                    self.cuts += 1
                else:
                    pair.forward(self)
            if reset:
                self._reset = False
            pairs = [pair for pair in pairs if not pair.closed]
        for pair in pairs:
            pair.close()


class _Pair:
    """A client and its connection to the broker."""

    def __init__(self, client: socket.socket, target: int) -> None:
        self.closed = False
        self._begun = time.monotonic()
        self._sockets = (client, socket.create_connection(("127.0.0.1", target)))
        for each in self._sockets:
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client, broker = self._sockets
        ends = [(TO_BROKER, client, broker), (TO_CLIENT, broker, client)]
        self._ways = list(starmap(_Way, ends))

    def age(self) -> float:
        return time.monotonic() - self._begun

    def forward(self, faults: Proxy) -> None:
        """Move what there is in both directions."""
        late = {TO_CLIENT} if self.age() < faults.answers_after_s else set()
        open_ways = [each for each in self._ways if each.name not in faults.held | late]
        try:
            # With a limit for each tick one round is all.
            while sum(each.forward(faults) for each in open_ways) and not faults.bytes_a_tick:
                pass
        except OSError:
            self.close()

    def close(self, reset: bool = False) -> None:
        self.closed = True
        for each in self._sockets:
            if reset:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            each.close()


class _Way:
    """One direction of a connection."""

    def __init__(self, name: str, source: socket.socket, target: socket.socket) -> None:
        self.name = name
        self._source = source
        self._target = target
        self._read = b""  # the beginning of a packet
        self._unsent = b""
        self._over = self._acknowledged = False

    def forward(self, faults: Proxy) -> bool:
        """Move what can be moved; return whether there may be more.

        Raises OSError when the connection has ended or is to be cut.
        """
        data = b""
        if len(self._unsent) < FULL:
            with suppress(BlockingIOError):
                data = self._source.recv(FULL)
                self._over = not data
            self._unsent += self._packets(data, faults)
        with suppress(BlockingIOError):
            sent = self._target.send(self._unsent[: faults.bytes_a_tick])
            self._unsent = self._unsent[sent:]
        if self._over and not self._unsent:
            raise ConnectionResetError
        return bool(data)

    def _packets(self, data: bytes, faults: Proxy) -> bytes:
        """The whole packets that there are now, but for what the faults take or change."""
        self._read += data
        passed = b""
        while (size := _packet_size(self._read)) and len(self._read) >= size:
            packet, self._read = self._read[:size], self._read[size:]
            kind = packet[0] >> 4
            if self.name == TO_CLIENT:
                if kind in ACKNOWLEDGEMENTS and not self._acknowledged:
                    self._acknowledged = True
                    faults.acknowledged += 1
                if faults.garbage:
                    packet = faults.garbage.pop(0)
                elif kind in faults.swallowed:
                    packet = b""
            elif kind == faults.cut_in:
                faults.cut_in = None
                faults.cuts += 1
                with suppress(BlockingIOError):
                    self._target.send(self._unsent + passed + packet[: size // 2])
                raise ConnectionResetError
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
