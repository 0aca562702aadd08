"""One way of reading frames from an interface, and what it costs: runs inside the machine.

``WAY INTERFACE WARM-UP COUNT``: reads the numbered frames of tests/system/burst.py, and prints as
JSON the CPU time of this process (µs a frame) over COUNT frames behind the warm-up, and how many
frames were lost among them.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "packages"), str(HERE)]

FRAME = struct.Struct("=IB3x8s")
TIMESPEC = struct.Struct("@ll")
SO_TIMESTAMPNS = 35

way, interface, warm_up, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


class Counter:
    """Takes the data of each frame; tells when it has seen enough."""

    def __init__(self) -> None:
        self.left = warm_up + count
        self.begun = 0.0
        self.first = self.cost = 0.0
        self.lost = 0

    def take(self, data: bytes) -> bool:
        self.left -= 1
        if self.left == count:
            self.begun = time.process_time()
            self.first = int.from_bytes(data, "little")
        elif not self.left:
            self.cost = (time.process_time() - self.begun) / count * 1e6
            self.lost = int.from_bytes(data, "little") - self.first - count
        return self.left <= 0


def bare(read: Callable[[socket.socket], bytes], counter: Counter) -> None:
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as bus:
        bus.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        bus.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        bus.bind((interface,))
        take = counter.take
        while not take(read(bus)):
            pass


def recv(bus: socket.socket) -> bytes:
    _, _, data = FRAME.unpack(bus.recv(FRAME.size))
    return data


def recvmsg(bus: socket.socket) -> bytes:
    raw, ancillary, _, _ = bus.recvmsg(FRAME.size, 32)
    _, _, data = FRAME.unpack(raw)
    seconds, nanoseconds = TIMESPEC.unpack(ancillary[0][2])
    _ = seconds + nanoseconds * 1e-9
    return data


def ours(counter: Counter) -> None:
    from eflexcan2mqtt.config import Can
    from eflexcan2mqtt.sources import can_bus

    take = counter.take
    for frame in can_bus.frames(Can(channel=interface)):
        if frame and take(frame[1]):
            return


def bus_recv(counter: Counter) -> None:
    import can

    with can.Bus(interface="socketcan", channel=interface) as bus:
        while not counter.take(bus.recv().data):
            pass


def notifier(counter: Counter) -> None:
    import can

    over = threading.Event()

    def on_message(message: can.Message) -> None:
        if counter.take(message.data):
            over.set()

    with can.Bus(interface="socketcan", channel=interface) as bus:
        notifier = can.Notifier(bus, [on_message])
        over.wait()
        notifier.stop()


def asyncio_notifier(counter: Counter) -> None:
    import can

    async def work() -> None:
        over = asyncio.Event()

        def on_message(message: can.Message) -> None:
            if counter.take(message.data):
                over.set()

        with can.Bus(interface="socketcan", channel=interface) as bus:
            notifier = can.Notifier(bus, [on_message], loop=asyncio.get_running_loop())
            await over.wait()
            notifier.stop()

    asyncio.run(work())


WAYS: dict[str, Callable[[Counter], None]] = {
    "recv": lambda counter: bare(recv, counter),
    "recvmsg": lambda counter: bare(recvmsg, counter),
    "ours": ours,
    "Bus.recv": bus_recv,
    "Notifier": notifier,
    "asyncio Notifier": asyncio_notifier,
}

found = Counter()
WAYS[way](found)
print(json.dumps({"cost": found.cost, "lost": found.lost}))
