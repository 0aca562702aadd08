"""A Debian machine with two CAN controllers on one bus, emulated without hardware help.

Commands go in, their output comes out; files pass through ``share``, which is ``/share`` inside.
The machine has no network, and its disk forgets everything at the end.
"""

from __future__ import annotations

import json
import os
import queue
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from . import qemu

BURST = Path(__file__).parent / "guest" / "burst.py"
"""Numbered frames, sent or counted by plain Python inside."""
IMAGE_S = 1800.0
BOOT_S = 600.0
"""A host with nothing else to do needs about 20 s."""
CONNECT_S = 10.0
END_S = 10.0
GRACE_S = 20.0
"""What a reply may take beyond its command's own timeout."""
TAIL_LINES = 40


def image(suite: str = os.environ.get("EFLEX_SYSTEM_SUITE", "trixie")) -> Path:
    """The folder of the disk image of a Debian; made first if there is none of this recipe."""
    made = subprocess.run(
        [Path(__file__).with_name("image.sh")],
        env={**os.environ, "EFLEX_SYSTEM_SUITE": suite},
        stdout=subprocess.PIPE,
        text=True,
        timeout=IMAGE_S,
        check=True,
    )
    return Path(made.stdout.strip())


def boot(image: Path, folder: Path) -> Machine:
    """A machine in a folder of its own in ``folder``; one whose kernel dies at once is tried again.

    A kernel rewrites its own code while it starts, and an emulator of two processors at times runs
    what is half written.  Raises MachineError if it dies twice.
    """
    try:
        return Machine(image, Path(tempfile.mkdtemp(dir=folder)))
    except MachineError as problem:
        print(f"the machine did not boot; once more: {problem}", flush=True)
    return Machine(image, Path(tempfile.mkdtemp(dir=folder)))


class MachineError(Exception):
    """The machine itself is at fault: it did not boot, or it died or fell silent."""


class CommandError(Exception):
    """A command ended with another status than 0, or not in time."""


@dataclass(frozen=True)
class Result:
    """How a command ended; ``status`` is None if it was killed for taking too long."""

    status: int | None
    stdout: str
    stderr: str

    def __str__(self) -> str:
        ended = "killed: too slow" if self.status is None else f"status {self.status}"
        return f"{ended}\n{self.stdout}{self.stderr}"


class Machine:
    """Boots at once; every method is bounded in time and may be called from several threads."""

    def __init__(self, image: Path, folder: Path) -> None:
        """``image`` is what image.sh made; ``folder`` gets the share and the console's log.

        Raises MachineError, with the end of the console, if the machine does not come up.
        """
        self.share = folder / "share"
        self.share.mkdir()
        self.console = folder / "console.log"
        self._errors = folder / "qemu.log"
        self._writing = threading.Lock()
        self._replies: dict[int, queue.Queue[Result]] = {}
        self._last_id = 0
        agent = folder / "agent"
        self.debugger = folder / "debugger"
        """Where qemu listens for gdb."""
        self._monitor = folder / "monitor"
        with self._errors.open("wb") as log:
            self._process = subprocess.Popen(
                qemu.command_line(
                    image, self.share, self.console, agent, self.debugger, self._monitor
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._port = self._connect(agent)
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
            self.run("systemctl is-system-running --wait", timeout=BOOT_S, check=False)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The emulator's process on the host."""
        return self._process.pid

    def run(self, command: str, timeout: float = 60.0, check: bool = True) -> Result:
        """Run it through bash, as root, for ``timeout`` seconds at most.

        With ``check``, raises CommandError unless the status is 0.
        """
        waiting: queue.Queue[Result] = queue.Queue()
        with self._writing:
            self._last_id += 1
            number = self._last_id
            self._replies[number] = waiting
        request = {"id": number, "command": command, "timeout": timeout}
        self.send_raw(json.dumps(request).encode())
        result = self._reply(waiting, time.monotonic() + timeout + GRACE_S, command)
        if check and result.status != 0:
            raise CommandError(f"{command}\n{result}")
        return result

    def send_raw(self, line: bytes) -> None:
        """Pass a line to the agent, as it is."""
        with self._writing:
            try:
                self._port.sendall(line + b"\n")
            except OSError as problem:
                raise self._fault(f"cannot ask the agent: {problem}") from problem

    def job(self, name: str, command: str, *properties: str) -> None:
        """Start ``command`` in the background as the unit ``name``; ``output`` is what it says.

        ``properties`` are systemd's: ``"Restart=always"``.
        """
        wanted = (f"StandardOutput=truncate:/run/{name}.output", *properties)
        options = " ".join(f"--property={shlex.quote(each)}" for each in wanted)
        self.run(
            f"systemd-run --quiet --collect --service-type=exec --unit={shlex.quote(name)} "
            f"{options} /bin/bash -c {shlex.quote(command)}"
        )

    def stop(self, name: str) -> None:
        """Stop a job and wait for its end; one that is gone already is no error."""
        self.run(f"systemctl stop {shlex.quote(name)}", timeout=60, check=False)

    def output(self, name: str) -> str:
        """What a job has written since its start, both of its streams."""
        return self.run(f"cat /run/{shlex.quote(name)}.output").stdout

    def log(self, name: str) -> str:
        """What a service has written, and systemd about it, without times."""
        return self.run(f"journalctl --sync; journalctl -o cat -u {shlex.quote(name)}").stdout

    def wait(self, condition: str, timeout: float = 30.0) -> None:
        """Poll a command inside until its status is 0; CommandError if it never is."""
        deadline = time.monotonic() + timeout
        while (result := self.run(condition, check=False)).status != 0:
            if time.monotonic() > deadline:
                raise CommandError(f"waited {timeout:g} s for: {condition}\n{result}")
            time.sleep(0.2)

    def put(self, path: Path, name: str | None = None) -> str:
        """Copy a file or folder into the share; returns its path inside the machine."""
        target = self.share / (name or path.name)
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            shutil.copy(path, target)
        return f"/share/{target.name}"

    def get(self, path: str) -> bytes:
        """A file of the machine, whole."""
        passage = f"get-{time.monotonic_ns()}"
        self.run(f"cp {shlex.quote(path)} /share/{passage}")
        copy = self.share / passage
        data = copy.read_bytes()
        copy.unlink()
        return data

    def plug_serial(self, terminal: str) -> None:
        """Plug a serial adapter into USB; its other end is a terminal of the host."""
        line = f"line-{time.monotonic_ns()}"  # the one before is not free at once
        self._ask("chardev-add", id=line, backend={"type": "serial", "data": {"device": terminal}})
        self._ask("device_add", id="serial", driver="usb-serial", chardev=line, serial="adapter")

    def pull_serial(self) -> None:
        """Pull it out."""
        self._ask("device_del", id="serial")

    def close(self) -> None:
        """End the emulator, and nothing else; may be called again."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(END_S)
        if hasattr(self, "_port"):
            self._port.close()

    def _ask(self, command: str, **arguments: object) -> None:
        try:
            qemu.ask(self._monitor, command, **arguments)
        except (OSError, ValueError) as problem:
            raise self._fault(f"qemu refused {command}: {problem}") from problem

    def _connect(self, path: Path) -> socket.socket:
        deadline = time.monotonic() + CONNECT_S
        port = socket.socket(socket.AF_UNIX)
        while port.connect_ex(str(path)) != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                port.close()
                raise self._fault("qemu did not start")
            time.sleep(0.05)
        return port

    def _read(self) -> None:
        """Hand each reply to whoever waits for it, until qemu ends."""
        try:
            with self._port.makefile("rb") as lines:
                for line in lines:
                    reply = json.loads(line)
                    if waiting := self._replies.pop(reply.pop("id"), None):
                        waiting.put(Result(**reply))
        except (OSError, ValueError):
            pass  # closed under the read: whoever waits finds qemu gone

    def _reply(self, waiting: queue.Queue[Result], deadline: float, command: str) -> Result:
        while True:
            try:
                return waiting.get(timeout=0.5)
            except queue.Empty:
                if self._process.poll() is not None:
                    raise self._fault(f"qemu ended during: {command}") from None
                if time.monotonic() > deadline:
                    raise self._fault(f"no reply to: {command}") from None

    def _fault(self, what: str) -> MachineError:
        report = [what]
        for file in (self._errors, self.console):
            if file.exists():
                lines = file.read_text(errors="replace").splitlines()[-TAIL_LINES:]
                report += [f"--- the end of {file.name}:", *lines]
        return MachineError("\n".join(report))
