"""A node of a cluster: a server in a namespace, which can be killed, frozen and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tests.support.broker import wait_until

from .network import CLIENTS, SUBNETS

TREE = Path(__file__).with_name("tree.sh")
PORT = 1883
LONGEST_START_S = 120.0
STOP_S = 60.0


class Node:
    """The server of a number; a subclass says what it runs, and when it is ready.

    ``title`` is what docs/many-banks.md calls it, ``qos`` what the banks should use there.
    """

    title: str
    qos = 2

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.name = f"node-{number}"
        self.folder = folder / self.name
        self.folder.mkdir()
        self.log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where its clients reach it."""
        return f"{SUBNETS[CLIENTS]}.{self.number}"

    @property
    def where(self) -> tuple[str, int]:
        return self.address, PORT

    def command(self) -> list[str]:
        """What runs in the tree, with variables before it."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it takes clients."""
        return self._listens()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((self.address, PORT)) == 0

    def start(self) -> None:
        """Start it; it may be ready later."""
        assert self._process is None, "it runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, TREE, *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Until it is ready."""

        def ready() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()[-4000:]
            return self.ready()

        deadline = time.monotonic() + LONGEST_START_S
        while not ready():
            assert time.monotonic() < deadline, self.log.read_text()[-4000:]
            time.sleep(0.2)

    def signal(self, number: signal.Signals) -> None:
        """To all processes of the server."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def stop(self) -> None:
        """End it in order."""
        self.signal(signal.SIGTERM)
        self._ended()

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self._process is not None:
            with suppress(ProcessLookupError):  # it has died by itself
                self.signal(signal.SIGKILL)
            self._ended()

    def _ended(self) -> None:
        assert self._process is not None
        self._process.wait(STOP_S)
        self._process = None
        # The first process of RabbitMQ is a shell: what it has started may take longer to die.
        wait_until(lambda: not self._listens(), f"the end of {self.name}")
