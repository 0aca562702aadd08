"""Bus-off, for a controller whose emulation knows no errors.

The emulated SJA1000 never counts an error, so its status register never says bus-off.  Here the
debugger's port of qemu answers for it, once: as the driver reads the interrupt and status
registers, it gets what a chip in bus-off would have shown.  All that follows (error frame, carrier
off, restart after restart-ms) is the real driver's.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path

from .machine import Machine

ATTACH_S = 30.0
STATUS, INTERRUPT = 2, 3  # registers of the SJA1000 in its PeliCAN mode
ERROR_INTERRUPT = 0x04
BUS_OFF = 0xCC  # bus-off, error limit passed, transmit buffer free
READER = "kvaser_pci_read_reg"
"""The driver's ``u8 read(struct sja1000_priv *priv, int register)``."""
RAX, RSI, RDI, RSP, RIP = 0, 4, 5, 7, 16


class Debugger:
    """A few words of gdb's remote protocol; the machine stands still until ``resume``."""

    def __init__(self, path: Path) -> None:
        self._port = socket.socket(socket.AF_UNIX)
        self._port.settimeout(ATTACH_S)
        self._port.connect(str(path))
        self._stream = self._port.makefile("rb")
        # Single registers are refused before this; the stop is reported in between, unasked.
        self._send("qXfer:features:read:target.xml:0,ffb")
        while self._reply()[:1] != "l":
            pass

    def _send(self, packet: str) -> None:
        self._port.sendall(f"${packet}#{sum(packet.encode()) % 256:02x}".encode())

    def _reply(self) -> str:
        while self._stream.read(1) != b"$":
            pass  # acknowledgements
        text = b""
        while (byte := self._stream.read(1)) != b"#":
            text += byte
        self._stream.read(2)
        self._port.sendall(b"+")
        return text.decode("latin-1")

    def ask(self, packet: str) -> str:
        self._send(packet)
        return self._reply()

    def register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    def set_register(self, number: int, value: int) -> None:
        assert self.ask(f"P{number:x}={value.to_bytes(8, 'little').hex()}") == "OK"

    def memory(self, address: int, size: int) -> bytes:
        return bytes.fromhex(self.ask(f"m{address:x},{size:x}"))

    def break_at(self, address: int) -> None:
        assert self.ask(f"Z0,{address:x},1") == "OK"

    def clear(self, address: int) -> None:
        assert self.ask(f"z0,{address:x},1") == "OK"

    def return_from_function(self, value: int) -> None:
        """At the first instruction of a function: leave it with ``value``."""
        top = self.register(RSP)
        back = int.from_bytes(self.memory(top, 8), "little")
        self.set_register(RAX, value)
        self.set_register(RSP, top + 8)
        self.set_register(RIP, back)

    def close(self) -> None:
        self._stream.close()
        self._port.close()


def bus_off(machine: Machine, name: str) -> None:
    """Make the driver of the running controller ``name`` find its chip in bus-off.

    It sends frames with the id 7FF and no data meanwhile, one a second, to cause an interrupt.
    """
    function = f"grep -w {READER} /proc/kallsyms"
    address = int(machine.run(function).stdout.split()[0], 16)
    machine.job("interrupt", f"while sleep 1; do cansend {name} 7FF#; done")
    debugger = Debugger(machine.debugger)
    try:
        debugger.break_at(address)
        deadline = time.monotonic() + ATTACH_S
        answers = {INTERRUPT: ERROR_INTERRUPT, STATUS: BUS_OFF}
        wanted, handler = INTERRUPT, ""
        while answers:
            assert time.monotonic() < deadline, f"{name}: no interrupt came"
            processor = debugger.ask("c").partition("thread:")[2].rstrip(";")
            # A processor that sends reads the status too: the one in the interrupt is meant.
            if (
                debugger.register(RSI) == wanted
                and handler in {"", processor}
                and _owner(debugger, debugger.register(RDI)) == name
            ):
                debugger.return_from_function(answers.pop(wanted))
                wanted, handler = STATUS, processor
            else:  # qemu would stop again where it stands; the others may not run past meanwhile
                debugger.clear(address)
                debugger.ask(f"vCont;s:{processor}")
                debugger.break_at(address)
        debugger.clear(address)
        debugger.ask("D")
    finally:
        debugger.close()
        machine.stop("interrupt")


def _owner(debugger: Debugger, private: int) -> str:
    """The interface of a driver's private data: these follow a struct that opens with its name."""
    before = b"".join(debugger.memory(private - back, 1024) for back in range(4096, 0, -1024))
    for offset in range(4096 - 32, 0, -32):
        name, _, rest = before[offset : offset + 16].partition(b"\0")
        if name.startswith(b"can") and not rest.strip(b"\0"):
            return name.decode()
    return ""
