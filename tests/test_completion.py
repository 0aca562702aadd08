"""Completion, typed in a real bash."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from pathlib import Path

import pytest

from eflexcan2mqtt.command_line.parsers import HELP
from eflexcan2mqtt.sinks import OUTPUTS

COMPLETION = Path(__file__).parents[1] / "packaging" / "eflexcan2mqtt.bash"
ALL = "\x1b*"
"""Readline's M-*: all completions are inserted."""


@pytest.fixture
def completed(tmp_path):
    """What becomes of a line: its words after all completions of its last were inserted."""
    (tmp_path / "rc").write_text(
        f"source {COMPLETION}\n"
        f"eflexcan2mqtt() {{ printf '%s\\n' \"$@\" >{tmp_path}/words; exit; }}\n"
        "PS1='rea''dy '\n"
    )
    work = tmp_path / "work"
    work.mkdir()

    def complete(line):
        master, terminal = pty.openpty()
        bash = subprocess.Popen(
            ["bash", "--noprofile", "--rcfile", tmp_path / "rc", "-i"],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=work,
            env={**os.environ, "TERM": "dumb", "INPUTRC": os.devnull, "HOME": str(tmp_path)},
            start_new_session=True,
        )
        os.close(terminal)
        shown = b""
        while not shown.endswith(b"ready "):
            assert select.select([master], [], [], 30)[0], shown
            shown += os.read(master, 1024)
        os.write(master, f"eflexcan2mqtt {line}{ALL}\n".encode())
        try:
            while select.select([master], [], [], 30)[0]:
                os.read(master, 1024)
        except OSError:  # the terminal of a process that has ended
            pass
        os.close(master)
        bash.wait(10)
        return (tmp_path / "words").read_text().splitlines()

    return complete


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", sorted(HELP)),
        ("ch", ["check"]),
        ("run", ["run"]),
        ("x", ["x"]),
        ("check --in", ["check", "--input"]),
        ("forget --", ["forget", "--config", "--config_path", "--help", "--version"]),
        ("anonymize --in", ["anonymize", "--in"]),
        ("--ver", ["--verbose", "--version"]),
        ("check -v --ver", ["check", "-v", "--version"]),
        ("--output ", ["--output", *sorted(OUTPUTS)]),
        ("--output=t", ["--output=table"]),
        ("run --input simulator --fields ex", ["--fields", "experimental", "extended"]),
        ("forget ", ["bank", "energy"]),
        ("--forget b", ["--forget", "bank"]),
        ("--speed ", ["--speed"]),
        ("run ", ["run"]),
    ],
)
def test_commands_options_and_choices_are_completed(completed, line, words):
    assert completed(line)[-len(words) :] == words


@pytest.mark.parametrize(
    "line",
    [
        "-c ",
        "--config ",
        "check --config=",
        "run --input ./",
        "run --input m",
        "anonymize ",
        "anonymize in ",
        "--anonymize in ",
        'check --config "my b',
    ],
)
def test_files_are_completed(completed, tmp_path, line):
    (tmp_path / "work" / "my bank.log").touch()
    assert completed(line)[-1].endswith("my bank.log")


def test_a_file_with_a_blank_is_completed_behind_it(completed, tmp_path):
    (tmp_path / "work" / "my bank.log").touch()
    assert completed("--config my\\ b") == ["--config", "my bank.log"]


def test_an_input_is_a_bus_or_the_simulator(completed):
    assert completed("--input ")[:2] == ["--input", "can"]
    assert completed("--input s") == ["--input", "simulator"]
    assert completed("--input=s") == ["--input=simulator"]
