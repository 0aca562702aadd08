"""The command line, as its users run it: every option and every exit status."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from eflexcan2mqtt import __version__
from eflexcan2mqtt.protocol.fields import STAGES, shown

from .bank import CAPTURES, START, candump_line, cycles, sent
from .broker import free_port, wait_until
from .conftest import MAIN

LOG = CAPTURES / "documented_example.log"
DOCUMENTED = LOG.with_suffix(".json").read_text()
STOP_S = 2.0


def mqtt_ini(folder, port, **settings):
    """An INI for a broker on a port; its path."""
    path = folder / "test.ini"
    logging = {key: settings.pop(key) for key in ("log_dir", "profile") if key in settings}
    lines = ["[logging]", *(f"{key} = {value}" for key, value in logging.items())]
    lines += ["[mqtt]", "hostname = 127.0.0.1", f"port = {port}"]
    lines += [f"{key} = {value}" for key, value in settings.items()]
    path.write_text("\n".join(lines) + "\n")
    return path


def stop(process, number=signal.SIGTERM):
    """Signal a process and wait for its end; how long that took."""
    begun = time.monotonic()
    process.send_signal(number)
    process.wait(timeout=10)
    return time.monotonic() - begun


def reads(stream, text):
    """Read lines of a stream until one holds a text; that line."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        line = stream.readline()
        assert line, f"ended before {text!r}"
        if text in line:
            return line
    raise AssertionError(f"no {text!r} in time")


# What it prints


@pytest.mark.parametrize("name", sorted(path.name for path in CAPTURES.glob("*.json")))
def test_a_log_to_json_prints_its_arrays(run, name):
    stem, *stage, _ = name.split(".")
    done = run(
        "--input", CAPTURES / f"{stem}.log", "--output=json", "--fields", *stage or STAGES[:1]
    )
    assert done.stdout == (CAPTURES / name).read_text()
    assert done.returncode == 0


def test_a_log_comes_from_stdin_as_well(run):
    done = run("--input", "-", "--output", "json", input=LOG.read_text())
    assert (done.stdout, done.returncode) == (DOCUMENTED, 0)


@pytest.mark.parametrize("stage", STAGES)
def test_fields_choose_the_stage(run, stage):
    done = run("--input", LOG, "--output", "json", "--fields", stage)
    [array] = map(json.loads, done.stdout.splitlines())
    assert list(array[0]) == [field.key for field in shown(stage)]


@pytest.mark.parametrize("option", ["-c", "--config", "--config_path"])
def test_the_ini_chooses_the_stage_and_the_option_wins(run, tmp_path, option):
    (tmp_path / "a.ini").write_text("[mqtt]\nfields = experimental\n")
    arguments = ("--input", LOG, "--output", "json", option, "a.ini")
    assert "raw_status" in run(*arguments).stdout
    assert run(*arguments, "--fields", "documented").stdout == DOCUMENTED


def test_the_ini_of_the_current_folder_is_the_default(run, tmp_path):
    assert "max_temp" not in run("--input", LOG, "--output", "json").stdout
    (tmp_path / "eflexcan2mqtt.ini").write_text("[mqtt]\nfields = extended\n")
    assert "max_temp" in run("--input", LOG, "--output", "json").stdout


def test_the_simulator_prints_arrays_at_the_pace_of_a_bank(start):
    process = start("--input", "simulator:3", "--output", "json")
    arrays, times = [], []
    for _ in range(3):
        arrays.append(json.loads(process.stdout.readline()))
        times.append(time.monotonic())
    assert [len(array) for array in arrays] == [3, 3, 3]
    assert 1.5 < times[2] - times[0] < 4
    assert stop(process) < STOP_S
    assert process.returncode == 0


def test_speed_zero_simulates_without_waiting(start):
    process = start("--input", "simulator:1", "--output", "json", "--speed", "0")
    begun = time.monotonic()
    for _ in range(60):
        last = json.loads(process.stdout.readline())
    assert time.monotonic() - begun < 10
    assert last[0]["time"] - time.time() > 40


def test_a_log_is_played_at_its_pace_if_told_to(run, tmp_path):
    path = tmp_path / "long.log"
    path.write_text("".join(candump_line(f) for burst in cycles([1], 3) for f in burst))
    for speed, seconds in (("1", 2.0), ("4", 0.5), ("0", 0.0)):
        begun = time.monotonic()
        done = run("--input", path, "--output", "json", "--speed", speed)
        assert len(done.stdout.splitlines()) == 3
        assert seconds <= time.monotonic() - begun < seconds + 1.5


def test_json_alone_loads_neither_can_nor_paho(tmp_path):
    code = (
        "import sys; from eflexcan2mqtt.cli import main;"
        f"main(['--input', {str(LOG)!r}, '--output', 'json']);"
        "print(sorted({'can', 'paho', 'ssl', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(MAIN.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", [["-m", "eflexcan2mqtt"], [MAIN]])
def test_it_is_a_module_and_a_script(command):
    done = subprocess.run(
        [sys.executable, *command, "--version"],
        cwd=MAIN.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"eflexcan2mqtt {__version__}\n"


def test_it_is_installed_as_a_command():
    command = Path(sys.executable).with_name("eflexcan2mqtt")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"eflexcan2mqtt {__version__}\n"


def test_help_names_every_option(run):
    done = run("--help")
    assert done.returncode == 0
    for option in ("--config", "--config_path", "--input", "--output", "--fields", "--speed"):
        assert option in done.stdout
    for option in ("--check", "--verbose", "--version"):
        assert option in done.stdout


# How it ends


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
    [line] = done.stderr.splitlines()
    assert " INFO frames: " in line
    assert done.returncode == 0


def test_a_full_disk_under_the_output_is_a_failure_in_one_line(start):
    with Path("/dev/full").open("w") as full:
        process = start("--input", LOG, "--output", "json", stdout=full)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert len(errors.splitlines()) == 2  # and the summary
    assert "ERROR output: No space left on device" in errors


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
    assert done.stderr.endswith("ERROR stdout: Bad file descriptor\n")


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
        (["--input", "can77"], "'can77': no such file; did you mean 'can:can77'?"),
        (["--speed", "fast"], "'fast': expected a number, 0 or more"),
        (["--speed", "-1"], "'-1': expected a number, 0 or more"),
        (["--speed", "nan"], "'nan': expected a number, 0 or more"),
        (["--fields", "all"], "invalid choice: 'all'"),
        (["--output", "xml"], "invalid choice: 'xml'"),
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
    told = [process.stderr.readline() for _ in range(2)]
    time.sleep(3.5)
    subscriber = subscribe(make_broker(port=port).start().port)
    wait_until(lambda: subscriber.statuses() == [b"online"])
    told.append(process.stderr.readline())
    assert stop(process) < STOP_S
    assert process.returncode == 0
    told += process.stderr.readlines()
    found = sorted(line.split(" ", 2)[2].rstrip() for line in told)
    assert found[0] == "INFO " + f"127.0.0.1:{port}: back after " + found[0].split()[-2] + " s"
    assert found[1] == "INFO frames: 0, cycles: 0, dropped blocks: none"
    assert found[2].startswith(f"WARNING 127.0.0.1:{port}: Connection refused; ")
    assert found[3].startswith("WARNING can77: ")
    assert len(found) == 4


SITUATIONS = ["bus absent", "broker absent", "broker frozen", "broker mute", "stdin silent"]
SITUATIONS += ["fifo", "output blocked", "checking"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_signal_ends_it_within_two_seconds(start, broker, tmp_path, situation, number):
    mute = socket.create_server(("127.0.0.1", 0))
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
    if situation in ("fifo", "broker mute", "output blocked", "checking"):
        time.sleep(2.0)
    else:
        process.stderr.readline()
        time.sleep(1.0)
    if situation == "broker frozen":
        broker.freeze()
        time.sleep(1.5)
    assert stop(process, number) < STOP_S
    assert process.returncode == 0
    assert "Traceback" not in process.stderr.read()
    broker.thaw()
    mute.close()


# Through a broker


def test_a_log_reaches_the_broker_byte_for_byte_and_it_ends_well(run, broker, subscribe, tmp_path):
    subscriber = subscribe(broker.port)
    done = run("-c", mqtt_ini(tmp_path, broker.port), "--input", CAPTURES / "lost_frames.log")
    assert done.returncode == 0
    expected = (CAPTURES / "lost_frames.json").read_bytes().splitlines()
    wait_until(lambda: len(subscriber.payloads()) == 3)
    assert subscriber.payloads() == expected
    assert subscriber.statuses() == [b"online", b"offline"]


def test_a_log_waits_for_a_broker_where_a_bus_would_drop_the_oldest(
    run, start, make_broker, subscribe, tmp_path
):
    """Twice as many cycles as there is room for, without a loss."""
    port, log = free_port(), tmp_path / "long.log"
    log.write_text("".join(candump_line(f) for burst in cycles([1], 2000) for f in burst))
    process = start("-c", mqtt_ini(tmp_path, port), "--input", log, "--speed", "0")
    process.stderr.readline()
    time.sleep(1)
    subscriber = subscribe(make_broker(port=port).start().port)
    wait_until(lambda: len(subscriber.payloads()) == 2000)
    assert process.wait(timeout=10) == 0
    times = [json.loads(each)[0]["time"] for each in subscriber.payloads()]
    assert times == sorted(times)
    assert times[-1] - times[0] > 2000


def test_publish_interval_thins_by_recorded_time(run, broker, subscribe, tmp_path):
    log = tmp_path / "long.log"
    log.write_text("".join(candump_line(f) for burst in cycles([1, 2], 33) for f in burst))
    subscriber = subscribe(broker.port)
    ini = mqtt_ini(tmp_path, broker.port, publish_interval=10)
    assert run("-c", ini, "--input", log, "--speed", "0").returncode == 0
    wait_until(lambda: len(subscriber.payloads()) >= 4)
    times = [json.loads(each)[0]["time"] - START for each in subscriber.payloads()]
    assert times == [0, 10, 20, 30]


def test_a_pipe_that_falls_silent_ends_its_cycle(start):
    """candump -L can0 | main.py --input -, and the bank is switched off."""
    process = start("--input", "-", "--output", "json", stdin=subprocess.PIPE)
    process.stdin.write("".join(candump_line(frame) for frame in sent(1)))
    process.stdin.flush()
    begun = time.monotonic()
    assert len(json.loads(process.stdout.readline())) == 1
    assert 2 < time.monotonic() - begun < 6


def test_a_stop_publishes_the_open_cycle_and_says_offline(start, broker, subscribe, tmp_path):
    subscriber = subscribe(broker.port)
    process = start("-c", mqtt_ini(tmp_path, broker.port), "--input", "-", stdin=subprocess.PIPE)
    wait_until(subscriber.statuses)
    process.stdin.write("".join(candump_line(frame) for frame in sent(1)))
    process.stdin.flush()
    time.sleep(0.5)
    assert subscriber.payloads() == []
    assert stop(process) < STOP_S
    wait_until(lambda: subscriber.statuses() == [b"online", b"offline"])
    assert len(subscriber.payloads()) == 1


def test_a_kill_leaves_the_last_will(start, broker, subscribe, tmp_path):
    subscriber = subscribe(broker.port)
    process = start("-c", mqtt_ini(tmp_path, broker.port), "--input", "simulator:1")
    wait_until(lambda: len(subscriber.payloads()) >= 2)
    process.kill()
    wait_until(lambda: subscriber.statuses() == [b"online", b"offline"])
    late = subscribe(broker.port)
    wait_until(lambda: late.messages == [("eflexbatteries/status", b"offline", True)])


def test_the_death_of_a_thread_ends_the_process_with_a_failure(tmp_path):
    """An exception in a callback of paho would otherwise leave a daemon that sends nothing."""
    ini = mqtt_ini(tmp_path, free_port())
    code = (
        "import sys; from eflexcan2mqtt.sinks import mqtt;"
        "mqtt.MqttSink._on_pre_connect = lambda *_: 1 / 0;"
        "from eflexcan2mqtt.cli import main;"
        f"sys.exit(main(['-c', {str(ini)!r}, '--input', 'simulator:1']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(MAIN.parent)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert "CRITICAL thread " in done.stderr


# From an adapter


def test_a_serial_adapter_is_a_bus_of_python_can(start, tmp_path):
    """slcan, as a CANable speaks it: over a pseudo-terminal, cut off and plugged in again."""
    adapter, ours = pty.openpty()
    (tmp_path / "x.ini").write_text(
        f"[can]\ninterface = slcan\nchannel = {os.ttyname(ours)}\nbitrate = 250000\n"
    )
    process = start("-c", "x.ini", "--output", "json")
    reads(process.stderr, ": open")
    time.sleep(0.3)
    commands = os.read(adapter, 1000)
    assert b"S5\r" in commands  # 250 kbit/s
    for can_id, data, _ in sent(1) + sent(2) + sent(1)[:1]:
        os.write(adapter, f"t{can_id:03X}8{data.hex().upper()}\r".encode())
    array = json.loads(process.stdout.readline())
    assert [each["battery_number"] for each in array] == [1, 2]
    assert abs(array[0]["time"] - time.time()) < 20
    os.close(adapter)
    reads(process.stderr, "; trying again until it works")
    assert stop(process) < STOP_S  # though its driver sleeps for two while it opens
    os.close(ours)


# Its log


def test_the_log_goes_to_stderr_and_to_a_rotating_file(run, tmp_path):
    ini = mqtt_ini(tmp_path, 1, log_dir="conf/logs", profile="yes")
    done = run("-c", ini, "--input", LOG, "--output", "json", "-v")
    file = tmp_path / "conf/logs/eflexcan2mqtt.out"
    assert done.stderr == file.read_text()
    for words in ("memory at start: ", "memory after publishing: ", "memory at the end: "):
        assert words in done.stderr
    assert "INFO frames: 57, cycles: 1, dropped blocks: none" in done.stderr
    assert "DEBUG cycle of 3 batteries; " in done.stderr


def test_the_log_file_rotates_at_512_kib_and_five_are_kept(tmp_path):
    code = (
        "import logging; from eflexcan2mqtt import logs; from eflexcan2mqtt.config import Logging;"
        "logs.start(Logging(log_dir='.'), False);"
        "[logging.getLogger('x').info('y' * 1000) for _ in range(5000)]"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(MAIN.parent)},
        stderr=subprocess.DEVNULL,
        check=True,
    )
    files = sorted(tmp_path.iterdir())
    assert [each.name for each in files] == [
        "eflexcan2mqtt.out",
        *(f"eflexcan2mqtt.out.{number}" for number in range(1, 6)),
    ]
    assert all(each.stat().st_size <= 512 * 1024 for each in files)


def test_a_log_directory_that_cannot_be_made_costs_one_line(run, tmp_path):
    (tmp_path / "file").write_text("")
    ini = mqtt_ini(tmp_path, 1, log_dir="file/logs")
    done = run("-c", ini, "--input", LOG, "--output", "json")
    assert done.returncode == 0
    assert "file/logs/eflexcan2mqtt.out: Not a directory; logging to stderr only" in done.stderr


def test_a_full_disk_under_the_log_file_is_said_once(run, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "eflexcan2mqtt.out").symlink_to("/dev/full")
    ini = mqtt_ini(tmp_path, 1, log_dir="logs", profile="yes")
    done = run("-c", ini, "--input", CAPTURES / "lost_frames.log", "--output", "json")
    assert done.returncode == 0
    assert done.stderr.count("No space left on device") == 1
    assert "Traceback" not in done.stderr


# A long log


@pytest.fixture(scope="module")
def long_log(tmp_path_factory):
    """About 40 MB of one bank."""
    text = "".join(candump_line(f) for burst in cycles([1, 2, 3], 255) for f in burst)
    path = tmp_path_factory.mktemp("long") / "long.log"
    with path.open("w") as file:
        for _ in range(65):
            file.write(text)
    return path


def test_a_long_log_runs_in_constant_memory_and_shows_its_progress(long_log, tmp_path):
    def peak(path):
        terminal, stderr = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, MAIN, "--input", path, "--output", "json"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        os.close(stderr)
        shown, weight = b"", 0
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peaks = re.findall(r"VmHWM:\s*(\d+) kB", status)
            weight = max([weight, *map(int, peaks)])
            if select.select([terminal], [], [], 0.05)[0]:
                with suppress(OSError):  # the other end is closed
                    shown += os.read(terminal, 4096)
        os.close(terminal)
        assert process.returncode == 0
        return weight, shown

    short, _ = peak(LOG)
    weight, shown = peak(long_log)
    assert weight - short < 4000  # KiB, of a log of 40 MB
    percents = [int(each.split()[0]) for each in shown.decode().split("\r") if each.endswith("% ")]
    assert len(percents) >= 2
    assert percents == sorted(percents)


# --check


def test_check_says_that_all_is_well(run, broker, tmp_path):
    done = run("-c", mqtt_ini(tmp_path, broker.port), "--input", "simulator", "--check")
    assert done.stdout.splitlines() == [
        "ok  the settings are good",
        f"ok  127.0.0.1:{broker.port}: accepts us, arrays go to 'eflexbatteries' with QoS 2",
    ]
    assert done.returncode == 0


def test_check_says_that_qos_0_may_lose_arrays(run, broker, tmp_path):
    done = run("-c", mqtt_ini(tmp_path, broker.port, qos=0), "--input", "simulator", "--check")
    assert "with QoS 0, which may lose some on the way" in done.stdout


def test_a_secret_that_everybody_may_read_is_told(run, tmp_path):
    path = mqtt_ini(tmp_path, 1, username="me", password="geheim")
    path.chmod(0o644)
    done = run("-c", path, "--input", LOG, "--output", "json")
    assert done.stderr.startswith(f"{path}: everybody here may read the password or key in it")
    assert "geheim" not in done.stderr


def test_check_says_what_is_wrong_with_bus_and_broker(run, tmp_path):
    port = free_port()
    done = run("-c", mqtt_ini(tmp_path, port), "--input", "can:can77", "--check")
    good, bus, broker = done.stdout.splitlines()
    assert good == "ok  the settings are good"
    assert bus.startswith("BAD can77: ")
    assert broker == f"BAD 127.0.0.1:{port}: Connection refused"
    assert done.returncode == 1


def test_check_of_json_needs_no_broker(run):
    done = run("--input", "simulator", "--output", "json", "--check")
    assert done.stdout == "ok  the settings are good\n"
    assert done.returncode == 0


def test_check_looks_at_a_log(run):
    good = run("--input", LOG, "--output", "json", "--check")
    assert f"ok  {LOG}: can be read, {LOG.stat().st_size} bytes" in good.stdout
    bad = run("--input", "gone.log", "--output", "json", "--check")
    assert "BAD gone.log: No such file or directory" in bad.stdout
    assert (good.returncode, bad.returncode) == (0, 1)


def test_check_listens_for_batteries(run, tmp_path):
    """A bus that is open and silent is told as that."""
    (tmp_path / "x.ini").write_text("[can]\ninterface = virtual\nchannel = nobody\n")
    done = run("-c", "x.ini", "--output", "json", "--check")
    assert "BAD nobody: open, but no battery has said anything for 3 s; " in done.stdout
    assert done.returncode == 1


def test_check_hears_batteries(start, tmp_path):
    adapter, ours = pty.openpty()
    (tmp_path / "x.ini").write_text(f"[can]\ninterface = slcan\nchannel = {os.ttyname(ours)}\n")
    process = start("-c", "x.ini", "--output", "json", "--check")
    os.read(adapter, 100)
    deadline = time.monotonic() + 15
    while process.poll() is None and time.monotonic() < deadline:
        for can_id, data, _ in sent(1) + sent(2):
            os.write(adapter, f"t{can_id:03X}8{data.hex().upper()}\r".encode())
        time.sleep(0.3)
    assert "hears 2 batteries" in process.stdout.read()
    os.close(adapter)
    os.close(ours)


def test_check_names_a_refusing_and_a_mute_broker_without_the_password(run, make_broker, tmp_path):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "solar", "rightsecret"], check=True)
    refusing = make_broker("allow_anonymous false", f"password_file {passwords}").start()
    ini = mqtt_ini(tmp_path, refusing.port, username="solar", password="wrongsecret")
    done = run("-c", ini, "--input", "simulator", "--check", "-v")
    assert f"BAD 127.0.0.1:{refusing.port}: the broker refuses us: Not authorized" in done.stdout
    assert "secret" not in done.stdout + done.stderr
    with socket.create_server(("127.0.0.1", 0)) as server:
        ini = mqtt_ini(tmp_path, server.getsockname()[1])
        done = run("-c", ini, "--input", "simulator", "--check")
    assert "takes the connection, but does not answer" in done.stdout
    assert done.returncode == 1
