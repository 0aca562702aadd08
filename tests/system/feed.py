"""Plays a candump log on an interface with even gaps: runs inside the machine, on plain Python.

``LOG INTERFACE RATE PERIOD``: all frames at RATE a second, again every PERIOD seconds, until it is
ended.  The emulated controller holds five frames: a real burst would overrun it.
"""

import re
import socket
import struct
import sys
import time
from pathlib import Path

FRAME = struct.Struct("=IB3x8s")

log, interface, rate, period = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
frames = [
    FRAME.pack(int(can_id, 16), 8, bytes.fromhex(data))
    for can_id, data in re.findall(r" (\w{3})#(\w{16})", Path(log).read_text())
]
with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as bus:
    bus.bind((interface,))
    while True:
        begun = time.monotonic()
        for number, frame in enumerate(frames):
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            try:
                bus.send(frame)
            except OSError:
                time.sleep(0.01)  # the interface is down, or its queue is full
        time.sleep(max(0.0, begun + period - time.monotonic()))
