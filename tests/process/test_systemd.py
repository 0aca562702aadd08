"""What is sent to systemd and its journal."""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import time
from contextlib import suppress

import pytest

from eflexcan2mqtt.process import logs, systemd

from ..support.broker import wait_until
from ..support.program import mqtt_ini


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """A socket like systemd's; what is sent to it."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        server.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield server


def heard(manager):
    return dict(line.split("=", 1) for line in manager.recv(4096).decode().splitlines())


def test_it_says_that_it_is_ready_alive_and_well(broker, manager, start, tmp_path):
    """It is heard all the time: no more than ten messages wait in the socket."""
    begun = time.monotonic()
    process = start("-c", mqtt_ini(tmp_path, broker.port), "--input", "simulator:2")
    sent = []

    def is_well():
        sent.append(heard(manager))
        # One array may be on its way just then.
        well = r"2 batteries, .*broker connected to 127.0.0.1:\d+, [01] arrays waiting$"
        return len(sent) >= 3 and re.search(well, sent[-1]["STATUS"])

    wait_until(is_well)
    process.terminate()
    while "STOPPING" not in (latest := heard(manager)):
        sent.append(latest)
    assert process.wait(60) == 0
    assert {(each["READY"], each["WATCHDOG"]) for each in sent} == {("1", "1")}
    assert len(sent) <= time.monotonic() - begun + 5  # about once a second


def test_without_systemd_nothing_is_sent(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify(READY="1")


@pytest.mark.parametrize(
    "address", ["/gone/notify", "vsock:2:1234", "notify", "/" + "x" * 200, "@" + "x" * 200, "/dev"]
)
def test_a_socket_that_is_not_there_ends_nothing(monkeypatch, address):
    """As in a shell that inherited the variable, or in a virtual machine."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.notify(READY="1")


def test_a_socket_without_systemd_ends_nothing(manager):
    manager.close()
    systemd.notify(READY="1")


def test_an_abstract_socket_is_one_as_well(monkeypatch):
    name = f"eflexcan2mqtt-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0" + name)
        server.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        systemd.notify(READY="1", STATUS="well")
        assert server.recv(100) == b"READY=1\nSTATUS=well"


def test_a_socket_that_nobody_reads_stops_nothing(manager):
    """systemd itself may be busy; the frames do not wait for it."""
    sent = 10_000
    for _ in range(sent):
        systemd.notify(WATCHDOG="1")
    manager.setblocking(False)
    received = 0
    with suppress(BlockingIOError):
        while heard(manager):
            received += 1
    assert 0 < received < sent


def test_the_journal_gets_priorities_and_no_times(start, tmp_path):
    """Only if stderr really goes to it."""
    stderr = tmp_path / "stderr"
    with stderr.open("w") as file:
        stream = os.fstat(file.fileno())
        for journal in (f"{stream.st_dev}:{stream.st_ino}", "1:2", ""):
            process = start(
                "--input",
                "/dev/null",
                "--output",
                "json",
                stderr=file,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "JOURNAL_STREAM": journal},
            )
            process.wait(60)
    found = [line for line in stderr.read_text().splitlines() if " cycles: " in line]
    ours, other, none = found
    assert ours == "<6>frames: 0, cycles: 0, dropped blocks: none"
    assert " INFO frames: " in other
    assert " INFO frames: " in none


def test_each_line_of_a_traceback_has_its_priority():
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError as error:
        record = logging.LogRecord("x", logging.CRITICAL, "", 0, "died", (), None)
        record.exc_info = (type(error), error, error.__traceback__)
    lines = logs.Journal().format(record).splitlines()
    assert len(lines) > 3
    assert all(line.startswith("<2>") for line in lines)


def test_a_beat_comes_about_once_a_second():
    beats = []

    def items():
        for number in range(25):
            time.sleep(0.1)
            yield number

    begun = time.monotonic()
    assert list(systemd.beating(items(), lambda: beats.append(1))) == list(range(25))
    assert 2 <= len(beats) <= time.monotonic() - begun + 1.5
