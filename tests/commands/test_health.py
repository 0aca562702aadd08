"""`eflexcan2mqtt health` says whether the loop of the running program beats."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from eflexcan2mqtt.commands import health as command
from eflexcan2mqtt.commands.health import health
from eflexcan2mqtt.process.pulse import Pulse
from tests.support.broker import free_port, wait_until
from tests.support.faults import seen
from tests.support.program import MAIN, mqtt_ini, reads, stop

SIMULATOR = ("--output", "json", "--input", "simulator:2")


@pytest.fixture
def folder():
    """A folder in memory, as systemd makes one for the service."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


@pytest.fixture
def environment(folder):
    return {**os.environ, "RUNTIME_DIRECTORY": str(folder)}


def test_it_needs_no_broker_and_no_bus_and_says_how_they_are(
    start, run, tmp_path, folder, environment
):
    ini = mqtt_ini(tmp_path, free_port())
    process = start("-c", ini, "--input", "can:can77", env=environment)
    wait_until(lambda: "can77" in health(folder).text)
    done = run("health", env=environment)
    assert re.fullmatch(
        r"runs: 0 batteries, 0 cycles, broker .+, 0 arrays waiting; can77: .+\n", done.stdout
    )
    assert (done.stderr, done.returncode) == ("", 0)
    seen("health: bus or broker are away", done.stdout)
    stop(process)
    done = run("health", env=environment)
    assert done.stderr == f"{folder}: no eflexcan2mqtt runs that writes its pulse there\n"
    assert (done.stdout, done.returncode) == ("", 1)
    assert list(folder.iterdir()) == []
    seen("health: the program does not run", done.stderr)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff\xfe\n", b"nan\nok", b"9e99\nok"])
def test_a_file_that_no_program_of_ours_wrote_is_no_pulse(folder, content):
    """Also while another process has the folder, as the program that runs has it."""
    pulse = Pulse(folder)
    pulse.beat("ok")
    (folder / "pulse").write_bytes(content)
    found = health(folder)
    pulse.end()
    assert not found.good
    assert "no eflexcan2mqtt runs" in found.text


def test_a_killed_program_is_not_alive(start, environment, folder):
    process = start(*SIMULATOR, env=environment, stdout=subprocess.DEVNULL)
    wait_until(lambda: health(folder).good)
    process.kill()
    process.wait(10)
    assert (folder / "pulse").exists()
    assert not health(folder).good


def test_a_loop_that_stands_still_is_not_alive(start, environment, folder, monkeypatch):
    process = start(*SIMULATOR, env=environment, stdout=subprocess.DEVNULL)
    wait_until(lambda: health(folder).good)
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(command, "LIMIT_S", 0.5)
    wait_until(lambda: not health(folder).good)
    found = health(folder).text
    assert re.match(r"stands still: no beat for \d+ s; before that: [02] batteries, ", found)
    seen("health: the program stands still", found)
    process.send_signal(signal.SIGCONT)
    monkeypatch.undo()
    wait_until(lambda: health(folder).good)


def test_its_limit_is_that_of_the_watchdog():
    unit = (MAIN.parent / "eflexcan2mqtt.service").read_text()
    assert f"\nWatchdogSec={command.LIMIT_S:.0f}\n" in unit


def test_another_run_in_the_same_container_changes_nothing(start, environment, folder, tmp_path):
    """Such as one that shows the table; but when the first has ended, it is the one."""
    first = start(*SIMULATOR, env=environment, stdout=subprocess.DEVNULL)
    wait_until(lambda: "2 batteries" in health(folder).text)
    others = []
    for batteries in (5, 6):
        arguments = (*SIMULATOR[:-1], f"simulator:{batteries}")
        with (tmp_path / arguments[-1]).open("w") as file:
            others.append(start(*arguments, env=environment, stdout=file))
        wait_until(lambda name=file.name: Path(name).read_text().count("\n") >= 2)
    assert "2 batteries" in health(folder).text
    stop(others[1])
    assert "2 batteries" in health(folder).text
    stop(first)
    wait_until(lambda: "5 batteries" in health(folder).text)


def test_the_folder_is_made(run, start, environment, folder):
    environment["RUNTIME_DIRECTORY"] = f"{folder}/made:/dev/shm/other"
    start(*SIMULATOR, env=environment, stdout=subprocess.DEVNULL)
    wait_until(lambda: health(folder / "made").good)
    assert run("health", env=environment).returncode == 0
    assert [each.name for each in (folder / "made").glob("pulse")] == ["pulse"]


def test_a_folder_on_a_disk_is_not_used_and_said_once(start, tmp_path):
    environment = {**os.environ, "RUNTIME_DIRECTORY": "/sys"}  # neither disk nor memory
    process = start(*SIMULATOR, env=environment)
    seen("health: the folder for it cannot be used", reads(process.stderr, "WARNING"))
    for _ in range(3):
        assert process.stdout.readline()
    stop(process)
    assert process.stderr.read().count("WARNING") == 0


def test_a_folder_that_comes_and_goes_ends_nothing(folder, caplog):
    pulse = Pulse(folder / "x" / "y")
    pulse.beat("well")
    (folder / "x" / "y").mkdir(parents=True)
    pulse.beat("well")
    assert health(folder / "x" / "y").text == "runs: well"
    pulse.end()
    assert [each.message.partition(": ")[2] for each in caplog.records] == [
        "No such file or directory; `eflexcan2mqtt health` cannot see this process"
    ]


def test_every_user_may_ask(folder):
    pulse = Pulse(folder)
    before = os.umask(0o077)
    pulse.beat("well")
    os.umask(before)
    assert (folder / "pulse").stat().st_mode & 0o777 == 0o644
    pulse.end()


def test_without_a_folder_the_service_is_meant(run, environment):
    del environment["RUNTIME_DIRECTORY"]
    done = run("health", env=environment)
    assert done.stderr.startswith("/run/eflexcan2mqtt: ")
    assert done.returncode == 1


def test_what_cannot_be_read_is_said(folder):
    (folder / "file").touch()
    assert health(folder / "file") == (False, f"{folder}/file: Not a directory")
