"""Messages to systemd: ready, status, watchdog.

Each is one datagram to $NOTIFY_SOCKET.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from .stderr import STDERR

T = TypeVar("T")

BEAT_S = 1.0


def notify(**state: str) -> None:
    """Send a message to systemd if it started this process: ``notify(READY="1")``.

    The message is dropped if systemd is too busy to take it, for waiting would stop the frames,
    or if there is no such socket, as in a shell that inherited the variable.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):  # such as vsock: of a virtual machine
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    text = "\n".join(f"{key}={value}" for key, value in state.items())
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(text.encode(errors="backslashreplace"), address)


def journals_stderr() -> bool:
    """Whether stderr goes to the journal, which adds times and reads priorities."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    if not inode:
        return False
    stderr = os.fstat(STDERR)
    return (device, inode) == (str(stderr.st_dev), str(stderr.st_ino))


def beating(items: Iterable[T], beat: Callable[[], None]) -> Iterator[T]:
    """Yield the items; call ``beat`` between them, about once a second."""
    due = 0.0
    for item in items:
        now = time.monotonic()
        if now >= due:
            due = now + BEAT_S
            beat()
        yield item
