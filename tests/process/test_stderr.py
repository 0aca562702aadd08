"""A stderr that nobody reads costs log lines, and never a frame."""

from __future__ import annotations

import os
import subprocess
import time

from tests.support.bank import CAPTURES
from tests.support.faults import seen
from tests.support.program import STOP_S, handles, mqtt_ini, stop

from ..support.broker import wait_until


def fill(pipe):
    """Leave no room in a pipe."""
    os.set_blocking(pipe, False)
    try:
        while True:
            os.write(pipe, bytes(65_536))
    except BlockingIOError:
        os.set_blocking(pipe, True)


def test_arrays_come_although_nobody_reads_stderr_and_it_says_so_later(
    start, broker, subscribe, tmp_path
):
    subscriber = subscribe(broker.port)
    reader, writer = os.pipe()
    fill(writer)
    arguments = ["-c", mqtt_ini(tmp_path, broker.port), "--input", "simulator:2", "-v"]
    process = start(*arguments, stderr=writer)
    os.close(writer)
    wait_until(lambda: len(subscriber.payloads()) >= 3, "arrays")
    with os.fdopen(reader, "rb") as pipe:
        log = b""
        while not log:  # what filled the pipe, and then what was logged
            log = os.read(reader, 65_536).strip(b"\0")
        time.sleep(2.5)
        assert stop(process) < STOP_S
        log += pipe.read()
    assert process.returncode == 0
    seen("nobody reads stderr (a pipe or a journal that is stuck)", log.decode())


def test_a_stop_does_not_wait_for_stderr(start, broker, tmp_path):
    reader, writer = os.pipe()
    fill(writer)
    arguments = ["-c", mqtt_ini(tmp_path, broker.port), "--input", "simulator:2"]
    process = start(*arguments, stderr=writer)
    os.close(writer)
    wait_until(lambda: handles(process, 15), "a handler of the signal")
    time.sleep(2)
    assert stop(process) < STOP_S
    assert process.returncode == 0
    os.close(reader)


def test_a_reader_that_comes_late_gets_every_line(start):
    process = start(
        *("--input", CAPTURES / "documented_example.log", "--output", "json", "-v"),
        stdout=subprocess.DEVNULL,
    )
    time.sleep(0.5)
    log = process.stderr.read()
    assert "DEBUG cycle of 3 batteries" in log
    assert log.splitlines()[-1].endswith("frames: 57, cycles: 1, dropped blocks: none")
