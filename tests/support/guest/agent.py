"""Requests in, replies out: runs the commands of the test inside the machine.

A request is one line of JSON, ``{"id", "command", "timeout"}``, on a virtio port; its reply is
``{"id", "status", "stdout", "stderr"}``.  A command over its ``timeout`` (seconds) is killed
with all it started, and has the status null.  Replies come in the order in which commands end.

The tests turn the clock: nothing here may look at it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator

PORT = "/dev/virtio-ports/agent"
LONGEST_REQUEST = 1 << 20
RETRY_S = 0.2


class Link:
    """The port, with whole lines in and whole lines out."""

    def __init__(self, path: str) -> None:
        self._port = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._writing = threading.Lock()

    def lines(self) -> Iterator[bytes]:
        """Lines as they come, for ever.  The host's end may close and come back."""
        pending = b""
        while True:
            select.select([self._port], [], [])
            try:
                chunk = os.read(self._port, 65536)
            except BlockingIOError:
                continue
            if not chunk:  # nobody at the host's end: select does not wait then
                pending = b""
                time.sleep(RETRY_S)
                continue
            *complete, pending = (pending + chunk).split(b"\n")
            if len(pending) > LONGEST_REQUEST:
                pending = b""
            yield from complete

    def send(self, reply: dict[str, object]) -> None:
        """Write a reply; given up if the host's end closes meanwhile: nobody waits for it."""
        data = json.dumps(reply).encode() + b"\n"
        with self._writing:
            while data:
                try:
                    data = data[os.write(self._port, data) :]
                except BlockingIOError:
                    poll = select.poll()
                    poll.register(self._port, select.POLLOUT | select.POLLHUP)
                    if any(event & select.POLLHUP for _, event in poll.poll()):
                        return


def run(command: str, timeout: float) -> dict[str, object]:
    """Run it through bash.  Output goes to files: a child left behind cannot hold them open."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            ["/bin/bash", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = None
        texts = []
        for file in (stdout, stderr):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return {"status": status, "stdout": texts[0], "stderr": texts[1]}


def answer(link: Link, line: bytes) -> None:
    """Reply to one line; bad input gets a reply that says so, with the id if it has one."""
    number = None
    try:
        request = json.loads(line)
        number = request["id"]
        reply = run(str(request["command"]), float(request["timeout"]))
    except (ValueError, TypeError, LookupError, OverflowError, OSError) as problem:
        reply = {"status": None, "stdout": "", "stderr": f"agent: {problem!r}"}
    link.send({"id": number, **reply})


def main() -> None:
    link = Link(PORT)
    for line in link.lines():
        if line.strip():
            threading.Thread(target=answer, args=(link, line), daemon=True).start()


main()
