"""Each command has its own options, and the flags of 1.2 are other names of them."""

from __future__ import annotations

import pytest

from tests.support.broker import free_port
from tests.support.program import LOG, MAIN, mqtt_ini

EXAMPLES = MAIN.parent / "examples"

COMMANDS = ("run", "check", "forget", "anonymize", "convert", "dbc", "evidence", "health")


def test_help_lists_every_command(run):
    shown = run("--help").stdout
    for name in COMMANDS:
        assert f"\n  {name} " in shown


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("run", {"--config", "--input", "--output", "--fields", "--speed", "--verbose"}),
        ("check", {"--config", "--input", "--output"}),
        ("forget", {"--config"}),
        ("anonymize", set()),
        ("convert", set()),
        ("dbc", set()),
        ("health", set()),
    ],
)
def test_a_command_has_its_own_help_and_only_its_own_options(run, name, options):
    shown = run(name, "--help").stdout
    assert shown.startswith(f"usage: eflexcan2mqtt {name} ")
    every = {"--config", "--input", "--output", "--fields", "--speed", "--verbose", "--check"}
    every |= {"--forget", "--anonymize"}
    assert {option for option in every if option in shown} == options


def test_check_is_a_command_and_a_flag(run):
    options = ("--input", LOG, "--output", "json")
    said, as_before = run("check", *options), run("--check", *options)
    assert said.stdout == as_before.stdout
    assert said.stdout.splitlines()[0].startswith("ok  no INI (looked for ")
    assert (said.returncode, as_before.returncode) == (0, 0)


def test_run_is_the_default(run):
    assert run("run", "--input", LOG, "--output", "json").stdout == (
        run("--input", LOG, "--output", "json").stdout
    )


def test_anonymize_is_a_command_and_needs_no_ini(run, tmp_path):
    (tmp_path / "eflexcan2mqtt.ini").write_text("[mqtt]\nport = x\n")
    done = run("anonymize", LOG, "out.log")
    assert (done.stdout, done.returncode) == ("out.log: 3 serial numbers replaced\n", 0)


def test_dbc_prints_the_file_that_is_shipped(run):
    done = run("dbc")
    assert (done.stdout, done.returncode) == ((EXAMPLES / "eflex.dbc").read_text(), 0)


def test_forget_minds_only_the_sections_that_it_uses(run, tmp_path):
    port = free_port()
    ini = mqtt_ini(tmp_path, port)
    ini.write_text(ini.read_text() + "[can]\nbitrate = much\n")
    done = run("forget", "2211054F9999", "-c", ini)
    assert (done.stderr, done.returncode) == (f"127.0.0.1:{port}: Connection refused\n", 1)


@pytest.mark.parametrize(
    "flags",
    [
        ("--check", "--forget", "bank"),
        ("--check", "--anonymize", "a", "b"),
        ("--forget", "bank", "--anonymize", "a", "b"),
    ],
)
def test_the_flags_exclude_each_other(run, flags):
    done = run(*flags)
    assert done.returncode == 2
    assert "not allowed with argument" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--input", "can:x", "check"), "a command comes first: eflexcan2mqtt check ..."),
        (("chekc",), "unrecognized arguments: chekc"),
        (("check", "--speed", "1"), "unrecognized arguments: --speed 1"),
        (("forget",), "the following arguments are required: BATTERY_ID"),
        (("forget", "me"), "'me': expected a serial number like 2211054F9999"),
        (("evidence", "--json"), "the following arguments are required: RECORDING"),
        (("anonymize", "a"), "the following arguments are required: OUT"),
        (("run", "--check"), "unrecognized arguments: --check"),
    ],
)
def test_a_wrong_command_is_a_usage_error(run, arguments, words):
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
