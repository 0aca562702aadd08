"""Bus-off, for a controller whose emulation knows no errors.

The emulated SJA1000 never counts an error, so its status register never says bus-off.  Here the
debugger's port of qemu answers for it, once: as the driver reads the interrupt and status
registers, it gets what a chip in bus-off would have shown.  All that follows (error frame, carrier
off, restart after restart-ms) is the real driver's.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from pathlib import Path

from tests.support.machine import Machine

INTERRUPT_S = 30.0
NAME_SIZE = 16
"""Of an interface, with its zeros."""
STATUS, INTERRUPT = 2, 3  # registers of the SJA1000 in its PeliCAN mode
ERROR_INTERRUPT = 0x04
BUS_OFF = 0xCC  # bus-off, error limit passed, transmit buffer free
READER = "kvaser_pci_read_reg"
"""The driver's ``u8 read(struct sja1000_priv *priv, int register)``."""
RAX, RSI, RDI, RSP, RIP = 0, 4, 5, 7, 16


class Debugger:
    """A few words of gdb's remote protocol; in its block the machine stands still until ``resume``.

    However the block ends, the machine runs again: without a detach it would stay halted.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self._pending = b""
        self._breakpoints: set[int] = set()
        self._running = False
        self._port = socket.socket(socket.AF_UNIX)
        self._port.settimeout(timeout)
        self._port.connect(str(path))

    def __enter__(self) -> Debugger:
        try:
            # Single registers are refused before this; the stop is reported in between, unasked.
            self._send("qXfer:features:read:target.xml:0,ffb")
            while self._reply()[:1] != "l":
                pass
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._port, suppress(OSError):  # qemu itself may be gone
            try:
                if self._running:
                    self._port.sendall(b"\x03")
                    self._reply()
                for address in tuple(self._breakpoints):
                    self.clear(address)
            finally:
                self.ask("D")

    def _send(self, packet: str) -> None:
        self._port.sendall(f"${packet}#{sum(packet.encode()) % 256:02x}".encode())

    def _until(self, end: bytes) -> bytes:
        while end not in self._pending:
            more = self._port.recv(4096)
            if not more:
                raise ConnectionError("qemu closed the debugger's port")
            self._pending += more
        text, _, self._pending = self._pending.partition(end)
        return text

    def _reply(self) -> str:
        self._until(b"$")  # acknowledgements
        text = self._until(b"#")
        self._port.sendall(b"+")  # the checksum is part of what is skipped next
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
        self._breakpoints.add(address)

    def clear(self, address: int) -> None:
        assert self.ask(f"z0,{address:x},1") == "OK"
        self._breakpoints.discard(address)

    def resume(self) -> str:
        """Let all processors run until one meets a breakpoint; which one did."""
        self._running = True
        stopped = self.ask("c")
        self._running = False
        return stopped.partition("thread:")[2].rstrip(";")

    def step(self, processor: str) -> None:
        """One instruction of one processor; the others stand still."""
        self.ask(f"vCont;s:{processor}")

    def return_from_function(self, value: int) -> None:
        """At the first instruction of a function: leave it with ``value``."""
        top = self.register(RSP)
        back = int.from_bytes(self.memory(top, 8), "little")
        self.set_register(RAX, value)
        self.set_register(RSP, top + 8)
        self.set_register(RIP, back)


def bus_off(machine: Machine, name: str, within: float = INTERRUPT_S) -> None:
    """Make the driver of the running controller ``name`` find its chip in bus-off.

    It sends frames with the id 7FF and no data meanwhile, one a second, to cause an interrupt.
    Raises TimeoutError if none comes.
    """
    function = f"grep -w {READER} /proc/kallsyms"
    address = int(machine.run(function).stdout.split()[0], 16)
    machine.job("interrupt", f"while sleep 1; do cansend {name} 7FF#; done")
    try:
        with Debugger(machine.debugger, within) as debugger:
            _answer(debugger, address, name, time.monotonic() + within)
    finally:
        machine.stop("interrupt")


def _answer(debugger: Debugger, address: int, name: str, deadline: float) -> None:
    """Answer for the chip's registers, once each, in the interrupt of ``name``."""
    debugger.break_at(address)
    answers = {INTERRUPT: ERROR_INTERRUPT, STATUS: BUS_OFF}
    wanted, handler = INTERRUPT, ""
    while answers:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name}: no interrupt came")
        processor = debugger.resume()
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
            debugger.step(processor)
            debugger.break_at(address)


def _owner(debugger: Debugger, private: int) -> str:
    """The interface of a driver's private data: these follow a struct that holds its name.

    It begins with the name up to kernel 6.6; later the name stands within it.
    """
    before = b"".join(debugger.memory(private - back, 1024) for back in range(4096, 0, -1024))
    for offset in range(len(before) - NAME_SIZE, -1, -1):
        name, _, rest = before[offset : offset + NAME_SIZE].partition(b"\0")
        if name.startswith(b"can") and not rest.strip(b"\0"):
            return name.decode()
    return ""
