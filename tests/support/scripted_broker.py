"""Brokers that no mosquitto can be made into: one with answers of our own, and an old one."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, PINGREQ, PINGRESP = 8, 9, 12, 13

ACCEPTED = bytes([CONNACK << 4, 3, 0, 0, 0])
"""CONNACK of MQTT 5."""


class Packet:
    """What a client has sent: ``kind`` is the packet type, ``id`` the message's, if it has one."""

    def __init__(self, first: int, body: bytes, raw: bytes) -> None:
        self.kind = first >> 4
        self.body = body
        self.raw = raw
        self.qos = first >> 1 & 3 if self.kind == PUBLISH else 0
        self.id, self.payload = 0, b""
        at = 0
        if self.kind == PUBLISH:
            at = 2 + struct.unpack_from("!H", body)[0]
            self.payload = body[at + (2 if self.qos else 0) + 1 :]  # behind no properties
        if self.kind in (PUBREL, SUBSCRIBE) or self.qos:
            self.id = struct.unpack_from("!H", body, at)[0]

    @property
    def level(self) -> int:
        """The version that a CONNECT asks for: 4 is 3.1.1."""
        return self.body[6]


def read_packet(stream: BinaryIO) -> Packet | None:
    """The next packet; None at the end of the connection."""
    raw = stream.read(2)
    while raw[-1:] and raw[-1] >= 0x80:  # more digits of the length follow
        raw += stream.read(1)
    length = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(raw[1:]))
    body = stream.read(length)
    return Packet(raw[0], body, raw + body) if raw and len(body) == length else None


def reply(kind: int, message_id: int, *more: int) -> bytes:
    """A packet with a message's id, and a reason code where there is one."""
    return bytes([kind << 4, 2 + len(more)]) + struct.pack("!H", message_id) + bytes(more)


def obliging(packet: Packet) -> bytes:
    """What a broker of MQTT 5 answers that takes everything."""
    answers = {
        (CONNECT, 0): ACCEPTED,
        (PUBLISH, 1): reply(PUBACK, packet.id),
        (PUBLISH, 2): reply(PUBREC, packet.id),
        (PUBREL, 0): reply(PUBCOMP, packet.id),
        (SUBSCRIBE, 0): reply(SUBACK, packet.id, 0, 1),
        (PINGREQ, 0): bytes([PINGRESP << 4, 0]),
    }
    return answers.get((packet.kind, packet.qos), b"")


class _Server:
    """Serves each client in a thread of its own, until it is closed."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port: int = self._sockets[0].getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def of(self, kind: int) -> list[Packet]:
        """The packets of a kind that have come."""
        return [each for each in self.packets if each.kind == kind]

    def close(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._sockets[0].accept()
                self._sockets.append(client)
                threading.Thread(target=self._run, args=(client,), daemon=True).start()

    def _run(self, client: socket.socket) -> None:
        with suppress(OSError), client, client.makefile("rb") as stream:
            self._serve(client, stream)

    def _serve(self, client: socket.socket, stream: BinaryIO) -> None:
        raise NotImplementedError


class ScriptedBroker(_Server):
    """Remembers the packets of its clients, and answers them as ``answer`` says."""

    def __init__(self, answer: Callable[[Packet], bytes] = obliging) -> None:
        self.answer = answer
        super().__init__()

    def _serve(self, client: socket.socket, stream: BinaryIO) -> None:
        while packet := read_packet(stream):
            self.packets.append(packet)
            client.sendall(self.answer(packet))


class OldBroker(_Server):
    """A broker of MQTT 3.1.1: a CONNECT of MQTT 5 gets an answer, if any, and is the end.

    Others go to the broker on the port ``target``.  With ``starting`` it was only starting: all
    connections go there but the first.
    """

    def __init__(self, target: int, answer: bytes = b"", starting: bool = False) -> None:
        self._starting = starting
        self._target = target
        self._answer = answer
        super().__init__()

    def levels(self) -> list[int]:
        """The versions that were asked for."""
        return [each.level for each in self.of(CONNECT)]

    def _serve(self, client: socket.socket, stream: BinaryIO) -> None:
        packet = read_packet(stream)
        if packet is None:
            return
        self.packets.append(packet)
        if packet.level > 4 and not (self._starting and len(self.packets) > 1):
            client.sendall(self._answer)
            client.shutdown(socket.SHUT_RDWR)
            return
        with socket.create_connection(("127.0.0.1", self._target)) as broker:
            broker.sendall(packet.raw)
            threading.Thread(target=_pump, args=(broker, client), daemon=True).start()
            while packet := read_packet(stream):
                broker.sendall(packet.raw)
            broker.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):  # the target hears of a reset, too
        target.shutdown(socket.SHUT_RDWR)
