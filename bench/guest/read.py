"""One way of reading frames from an interface, and what it costs: runs inside the machine.

``WAY INTERFACE WARM-UP COUNT``: reads the numbered frames of tests/support/guest/burst.py, and
prints as JSON, over COUNT frames behind the warm-up, the CPU time of this process (µs a frame),
how many frames were lost among them, and how many came a second.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        self.first = self.lost = 0
        self.begun = self.since = self.cost = self.rate = 0.0

    def take(self, data: bytes | bytearray) -> bool:
        self.left -= 1
        if self.left == count:
            self.begun, self.since = time.process_time(), time.monotonic()
            self.first = int.from_bytes(data, "little")
        elif not self.left:
            self.cost = (time.process_time() - self.begun) / count * 1e6
            self.lost = int.from_bytes(data, "little") - self.first - count
            self.rate = (count + self.lost) / (time.monotonic() - self.since)
        return self.left <= 0


@contextmanager
def opened() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as bus:
        bus.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        bus.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        bus.bind((interface,))
        yield bus


def recv(counter: Counter) -> None:
    take, unpack, size = counter.take, FRAME.unpack, FRAME.size
    with opened() as bus:
        read = bus.recv
        while True:
            _, _, data = unpack(read(size))
            if take(data):
                return


def recvmsg(counter: Counter, gather_s: float = 0.0) -> None:
    take, unpack, size, unpack_time = counter.take, FRAME.unpack, FRAME.size, TIMESPEC.unpack
    flags = 0
    with opened() as bus:
        read = bus.recvmsg
        while True:
            try:
                raw, ancillary, _, _ = read(size, 32, flags)
            except BlockingIOError:
                time.sleep(gather_s)
                flags = 0
                continue
            _, _, data = unpack(raw)
            seconds, nanoseconds = unpack_time(ancillary[0][2])
            _ = seconds + nanoseconds * 1e-9
            if gather_s:
                flags = socket.MSG_DONTWAIT
            if take(data):
                return


def gathered(counter: Counter) -> None:
    from eflexcan2mqtt.sources.socketcan import GATHER_S

    recvmsg(counter, GATHER_S)


def ours(counter: Counter) -> None:
    from eflexcan2mqtt.protocol.blocks import Silence
    from eflexcan2mqtt.settings.schema import Can
    from eflexcan2mqtt.sources.can_bus import CanBus

    take = counter.take
    for frame in CanBus(Can(channel=interface)):
        if frame is not Silence.SECOND and take(frame[1]):
            return


def bus_recv(counter: Counter) -> None:
    import can

    with can.Bus(interface="socketcan", channel=interface) as bus:
        while (message := bus.recv()) is None or not counter.take(message.data):
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
    "recv": recv,
    "recvmsg": recvmsg,
    "recvmsg, gathered": gathered,
    "ours": ours,
    "Bus.recv": bus_recv,
    "Notifier": notifier,
    "asyncio Notifier": asyncio_notifier,
}

found = Counter()
WAYS[way](found)
print(json.dumps([found.cost, found.lost, found.rate]))
