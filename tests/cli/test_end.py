"""How the command ends: every exit status, every signal."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eflexcan2mqtt import __version__
from tests.support.broker import free_port, wait_until
from tests.support.faults import seen
from tests.support.program import LOG, MAIN, STOP_S, handles, mqtt_ini, stop


def test_a_reader_that_has_seen_enough_ends_it_without_a_traceback(tmp_path):
    """... --output json | head -1"""
    command = f"{shlex.quote(sys.executable)} {MAIN} --input simulator:2 --output json --speed 0"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert len(done.stdout.splitlines()) == 1
    first, last = done.stderr.splitlines()
    assert " INFO eflexcan2mqtt " in first
    assert " INFO frames: " in last
    assert done.returncode == 0


def test_a_full_disk_under_the_output_is_a_failure_in_one_line(start):
    with Path("/dev/full").open("w") as full:
        process = start("--input", LOG, "--output", "json", stdout=full)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert len(errors.splitlines()) == 3  # and the first line and the summary
    assert "ERROR output: No space left on device" in errors
    seen("the disk under the output is full", errors)


@pytest.mark.parametrize("options", [["--check", "--output", "json"], ["--help"]])
def test_a_full_disk_or_a_closed_pipe_under_other_output_makes_no_noise(tmp_path, options):
    command = shlex.join([sys.executable, str(MAIN), "--input", "simulator", *options])
    for sink, status in ((">/dev/full", 1), ("| true", 0)):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; sleep 0.2; {command} {sink}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == status
        assert "Exception" not in done.stderr


def test_a_closed_output_is_a_failure_in_one_line(tmp_path):
    command = shlex.join([sys.executable, str(MAIN), "--input", str(LOG), "--output", "json"])
    done = subprocess.run(
        ["bash", "-c", f"{command} >&-"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.endswith("ERROR output: Bad file descriptor\n")


@pytest.mark.parametrize("path", ["gone.log", "."])
def test_a_file_that_cannot_be_read_is_a_failure_in_one_line(run, path):
    done = run("--input", path, "--output", "json")
    assert done.returncode == 1
    assert f"ERROR {path}: " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--input", "simulator:0"], "'simulator:0': expected 1 to 15 batteries"),
        (["--input", "simulator:16"], "'simulator:16': expected 1 to 15 batteries"),
        (["--input", "simulator:x"], "'simulator:x': expected 1 to 15 batteries"),
        (["--input", ""], "expected can, simulator, a file or -"),
        (["--faults", "missing:3@1s"], "--faults is for the simulator: --input simulator"),
        (
            ["--input", "simulator:4", "--faults", "missing:5@1s"],
            "argument --faults: 'missing:5@1s': expected a BATTERY from 1 to 4",
        ),
        (["--input", "can77"], "'can77': no such file; did you mean 'can:can77'?"),
        (["--speed", "fast"], "'fast': expected a number, 0 or more"),
        (["--speed", "-1"], "'-1': expected a number, 0 or more"),
        (["--speed", "nan"], "'nan': expected a number, 0 or more"),
        (["--fields", "all"], "invalid choice: 'all'"),
        (["--output", "xml"], "invalid choice: 'xml'"),
        (["--end", "2024-05-17"], "--end is for a recording"),
        (
            ["--input", "x", "--end", "soon"],
            "'soon': expected a time such as '2024-05-17 23:05:39'",
        ),
        (["--input", "x", "--end", "331.42"], "'331.42': expected a time such as"),
        (["--input", "x", "--end", "nan"], "'nan': expected a time such as"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["x.log"], "unrecognized arguments: x.log"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(run, arguments, words):
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_wrong_ini_ends_with_78_and_all_its_mistakes(run, tmp_path):
    (tmp_path / "bad.ini").write_text("[mqtt]\nport = 18830x\nhots = localhost\n")
    for options in ([], ["--check"], ["--output", "json", "--input", LOG]):
        done = run("-c", "bad.ini", *options)
        assert done.returncode == 78
        assert done.stdout == ""
        seen("a wrong setting", done.stderr)
        assert done.stderr.splitlines() == [
            "bad.ini:2: [mqtt] port = '18830x': expected a whole number from 1 to 65535",
            "bad.ini:3: [mqtt] hots: unknown setting; did you mean 'hostname'?",
        ]


def test_an_ini_that_is_named_must_be_there(run):
    done = run("-c", "gone.ini", "--output", "json", "--input", LOG)
    assert done.returncode == 78
    assert done.stderr == "gone.ini: No such file or directory\n"


def test_without_can_and_broker_it_says_so_once_each_and_waits_for_both(
    start, make_broker, subscribe, tmp_path
):
    port = free_port()
    process = start("-c", mqtt_ini(tmp_path, port), "--input", "can:can77")
    assert process.stderr.readline().endswith(
        f" INFO eflexcan2mqtt {__version__}: INI {tmp_path}/test.ini, input can77 (socketcan), "
        f"output mqtt, broker 127.0.0.1:{port}, topic eflexbatteries\n"
    )
    lines = [process.stderr.readline() for _ in range(2)]
    time.sleep(3.5)
    subscriber = subscribe(make_broker(port=port).start().port)
    wait_until(lambda: subscriber.statuses() == [b"online"])
    lines.append(process.stderr.readline())
    assert stop(process) < STOP_S
    assert process.returncode == 0
    lines += process.stderr.readlines()
    found = sorted(line.split(" ", 2)[2].rstrip() for line in lines)
    assert found[0] == "INFO " + f"127.0.0.1:{port}: back after " + found[0].split()[-2] + " s"
    assert found[1] == "INFO frames: 0, cycles: 0, dropped blocks: none"
    assert found[2].startswith(f"WARNING 127.0.0.1:{port}: Connection refused; ")
    assert found[3].startswith("WARNING can77: ")
    assert len(found) == 4


SITUATIONS = ["bus absent", "broker absent", "broker frozen", "broker mute", "stdin silent"]
SITUATIONS += ["fifo", "output blocked", "checking"]


@pytest.fixture
def mute():
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_signal_ends_it_soon(start, broker, mute, tmp_path, situation, number):
    port = {
        "broker absent": free_port(),
        "broker mute": mute.getsockname()[1],
    }.get(situation, broker.port)
    arguments = ["-c", mqtt_ini(tmp_path, port)]
    if situation == "stdin silent":
        arguments += ["--input", "-"]
    elif situation == "fifo":
        os.mkfifo(tmp_path / "fifo")
        arguments += ["--input", "fifo"]
    elif situation == "output blocked":
        arguments += ["--input", "simulator", "--speed", "0", "--output", "json"]
    elif situation == "checking":
        port = mute.getsockname()[1]
        arguments = ["-c", mqtt_ini(tmp_path, port), "--input", "simulator", "--check"]
    elif situation != "bus absent":
        arguments += ["--input", "simulator"]
    process = start(*arguments, stdin=subprocess.PIPE)
    wait_until(lambda: handles(process, signal.SIGTERM), "our handlers")
    time.sleep(1.0)  # until it waits for what does not come
    if situation == "broker frozen":
        broker.freeze()
        time.sleep(1.5)
    assert stop(process, number) < STOP_S
    assert process.returncode == (130 if situation == "checking" else 0)
    assert "Traceback" not in process.stderr.read()


def test_a_command_that_is_stopped_has_not_done_its_work(start, tmp_path):
    process = start("convert", "simulator", "day.log", "--seconds", "86400")
    wait_until(lambda: handles(process, signal.SIGTERM), "our handlers")
    process.send_signal(signal.SIGUSR1)  # is of no concern to a command
    time.sleep(1.0)
    assert process.poll() is None
    stop(process, signal.SIGINT)
    assert process.returncode == 130
    errors = process.stderr.read()
    assert errors == ""
    seen("a command, such as `convert`, is stopped (Ctrl-C) before it is done", errors)
    assert not (tmp_path / "day.log").exists()
