"""A real mosquitto in its own process on loopback, and a real subscriber to it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

MOSQUITTO = shutil.which("mosquitto", path=os.environ["PATH"] + os.pathsep + "/usr/sbin")
LONGEST_WAIT_S = 60.0
_RELOADS = b"Reloading config"
_MARK = "all-has-come"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(
    condition: Callable[[], object],
    what: str = "the condition",
    longest_s: float = LONGEST_WAIT_S,
) -> None:
    """Poll until it holds; fails after a bounded time."""
    deadline = time.monotonic() + longest_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {longest_s:g} s for {what}"
        time.sleep(0.02)


class Broker:
    """A mosquitto that can be stopped, killed, frozen and started again on its port."""

    def __init__(self, folder: Path, *settings: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.log = folder / f"mosquitto-{self.port}.log"
        self._config = folder / f"mosquitto-{self.port}.conf"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            f"listener {self.port} 127.0.0.1",
            *(() if any("persistence" in each for each in settings) else ["persistence false"]),
            "user root",  # as root it would become a user that cannot read the test's files
            *(settings or ["allow_anonymous true"]),
        ]
        self._config.write_text("\n".join(lines) + "\n")

    def start(self) -> Broker:
        assert MOSQUITTO, "mosquitto is not installed; make test installs it"
        assert self._process is None, "it runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", self._config],
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for others
            )
        wait_until(self._answers, "mosquitto")
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def pid(self) -> int:
        """Its process; it has been started."""
        assert self._process is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def reload(self) -> None:
        """Have it read its files again; what it gets afterwards it judges by them."""
        reloads = self.log.read_bytes().count(_RELOADS) + 1
        self.send(signal.SIGHUP)
        wait_until(lambda: self.log.read_bytes().count(_RELOADS) == reloads, "mosquitto's files")

    def freeze(self) -> None:
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    def stop(self) -> None:
        """Stop it in order, as an upgrade does."""
        assert self._process is not None
        self.send(signal.SIGTERM)
        self._process.wait(LONGEST_WAIT_S)
        self._process = None

    def restart(self) -> None:
        """Stop it in order, and start it again."""
        self.stop()
        self.start()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


REMEMBERING = (
    "allow_anonymous true",
    "persistence true",
    "autosave_on_changes true",
    "autosave_interval 1",
    "max_queued_messages 0",
    "max_inflight_messages 0",
)
"""The settings of a broker that keeps sessions and what waits for them, through a restart, too."""


def release(client: paho.Client) -> None:
    """Let it be freed without the garbage collector, which may free its sockets before it: paho
    closes them only then."""
    client.on_connect = client.on_disconnect = client.on_subscribe = None
    client.on_message = client.on_publish = None


class Subscriber:
    """Remembers what arrives on the topics it has subscribed to.

    With a ``session``, a client id, the broker keeps for it what comes while it is away.
    """

    def __init__(
        self, port: int, topic: str = "eflexbatteries/#", session: str | None = None
    ) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self._subscribed = threading.Event()
        self._caught_up = threading.Event()
        self._topic = topic
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=session or "", clean_session=session is None
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=2)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _, __, message: self._take(message)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(LONGEST_WAIT_S)

    def _take(self, message: paho.MQTTMessage) -> None:
        if message.topic.endswith(_MARK):
            self._caught_up.set()
        else:
            self.messages.append((message.topic, bytes(message.payload), message.retain))

    def catch_up(self) -> None:
        """Wait until all that the broker had before this call is there.

        It sends what it had in order, and the end of a QoS 2 message behind others.
        """
        self._caught_up.clear()
        self._client.publish(self._topic.replace("#", _MARK), qos=2)
        assert self._caught_up.wait(LONGEST_WAIT_S)

    def kept(self) -> list[tuple[str, bytes, bool]]:
        """What the broker had kept as this one subscribed; other messages may have come since."""
        self.catch_up()
        return [message for message in self.messages if message[2]]

    def payloads(self, topic: str = "eflexbatteries") -> list[bytes]:
        return [payload for name, payload, _ in self.messages if name == topic]

    def statuses(self) -> list[bytes]:
        return self.payloads("eflexbatteries/status")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        release(self._client)
