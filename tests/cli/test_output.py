"""What the command prints, for each input and option."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eflexcan2mqtt import __version__
from eflexcan2mqtt.protocol.fields import STAGES, shown
from tests.support.bank import CAPTURES, candump_line, cycles
from tests.support.program import DOCUMENTED, LOG, MAIN, STOP_S, stop


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

    def next_lateness():
        array = json.loads(process.stdout.readline())
        assert len(array) == 3
        return time.time() - array[0]["time"]

    late = [next_lateness() for _ in range(4)]
    # A busy machine makes some arrays late, a slow pace each of them later than the one before.
    while late[-1] > late[0] + 1.5 and len(late) < 30:
        late.append(next_lateness())
    assert late[-1] <= late[0] + 1.5
    assert min(late) > 0  # with a fast pace, the third one would be two seconds early
    assert stop(process) < STOP_S
    assert process.returncode == 0


def test_speed_zero_simulates_without_waiting(start):
    process = start("--input", "simulator:1", "--output", "json", "--speed", "0")
    for _ in range(60):
        last = json.loads(process.stdout.readline())
    assert last[0]["time"] - time.time() > 40


@pytest.mark.parametrize(
    ("count", "speed", "least", "below"),
    [(3, "1", 2.0, 60.0), (60, "30", 2.0, 59.0), (60, "0", 0.0, 59.0)],
)
def test_a_log_is_played_at_its_pace_if_told_to(run, tmp_path, count, speed, least, below):
    """A cycle takes about a second; a busy machine may need some more than it should."""
    path = tmp_path / "long.log"
    path.write_text("".join(candump_line(f) for burst in cycles([1], count) for f in burst))
    begun = time.monotonic()
    done = run("--input", path, "--output", "json", "--speed", speed)
    assert len(done.stdout.splitlines()) == count
    assert least <= time.monotonic() - begun < below


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
