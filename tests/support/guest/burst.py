"""Numbered frames at a steady rate, and their count: runs inside the machine, on plain Python.

``send INTERFACE RATE SECONDS [ID]`` or ``receive INTERFACE``, which ends 2 s after the last frame.
"""

import socket
import struct
import sys
import time

FRAME = struct.Struct("=IB3xQ")
SILENCE_S = 2.0


def send(bus: socket.socket, rate: float, seconds: float, can_id: int = 0x101) -> None:
    total = int(rate * seconds)
    refused = 0
    started = time.monotonic()
    for number in range(total):
        while (ahead := started + number / rate - time.monotonic()) > 0:
            time.sleep(ahead)
        while True:
            try:
                bus.send(FRAME.pack(can_id, 8, number))
                break
            except OSError:  # the queue is full
                refused += 1
                time.sleep(0.001)
    print(f"sent {total}: {total / (time.monotonic() - started):.0f}/s, refused {refused} times")


def receive(bus: socket.socket) -> None:
    bus.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    received = lost = 0
    last = -1
    try:
        while True:
            number = FRAME.unpack(bus.recv(FRAME.size))[2]
            lost += number - last - 1
            last = number
            received += 1
            bus.settimeout(SILENCE_S)
    except TimeoutError:
        print(f"received {received}, lost {lost}")


with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as bus:
    bus.bind((sys.argv[2],))
    bus.settimeout(30)
    if sys.argv[1] == "send":
        send(bus, float(sys.argv[3]), float(sys.argv[4]), *(int(each, 16) for each in sys.argv[5:]))
    else:
        receive(bus)
