"""Plays a bank's frames on an interface: runs inside the machine, on plain Python.

``FILE INTERFACE SPEED``: FILE holds a double, the time, and a frame as the kernel takes it, again
and again; they are sent SPEED times as fast.  Prints the time at which each cycle began.
"""

import os
import socket
import struct
import sys
import time

TIMED_FRAME = struct.Struct("=d16s")
FRAMES_AT_ONCE = 4096

file, interface, speed = sys.argv[1], sys.argv[2], float(sys.argv[3])
with (
    open(file, "rb") as frames,  # noqa: PTH123
    socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as bus,
):
    bus.bind((interface,))
    # A virtual interface queues frames by processor: those of two could overtake each other.
    os.sched_setaffinity(0, {0})
    first = wrapping = None
    while chunk := frames.read(TIMED_FRAME.size * FRAMES_AT_ONCE):
        for at, frame in TIMED_FRAME.iter_unpack(chunk):
            if first is None:
                first, started, wrapping = at, time.monotonic(), frame[:9]  # id, length, marker
            ahead = started + (at - first) / speed - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            if frame[:9] == wrapping:
                print(time.time())
            bus.send(frame)
