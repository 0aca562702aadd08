"""What a run loads: of the program and of the packages, only what its input and output use."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading

import pytest

from tests.support.broker import free_port
from tests.support.program import LOG

CODE = (
    "import json, sys; from eflexcan2mqtt.cli import main; status = main();"
    "json.dump(sorted(sys.modules), open('modules.json', 'w')); sys.exit(status)"
)
EXPENSIVE = {
    *("can", "paho", "rich", "prometheus_client"),
    *("asyncio", "difflib", "http.server", "logging.handlers", "sqlite3"),
}
"""What only those should load who use it."""

LINES = {"sinks.text_lines", "sinks.json_lines"}
FILE = {
    f"sources.{name}"
    for name in (
        *("beginning", "candump", "clock", "contents"),
        *("formats", "lines", "pace", "recording"),
    )
}
BUS = {
    *("can", "asyncio", "sqlite3"),  # python-can uses the two
    *(
        f"sources.{name}"
        for name in ("arrivals", "can_bus", "driver_packages", "messages", "opening", "reader")
    ),
    *("sources.socketcan", "sources.socketcand", "sources.trouble"),
}
TABLE = {
    "rich",
    "sinks.table",
    *(f"sinks.table.{name}" for name in ("columns", "room", "sentences")),
}
SIMULATOR = {
    f"sources.{name}"
    for name in ("faults", "pace", "simulator", "simulated_bank", "simulated_reading")
}
BROKER = {
    "sinks.whole_file",
    *("paho", "sinks.message", "sinks.mqtt", "sinks.json_lines", "sinks.text_lines"),
    *(f"sinks.mqtt.{name}" for name in ("announcers", "energy", "energy_file", "kept")),
    *(f"sinks.mqtt.{name}" for name in ("caution", "client", "connection", "dialogue")),
    *(f"sinks.mqtt.{name}" for name in ("dropped", "happenings", "opening", "outage", "outbox")),
    *(f"sinks.mqtt.{name}" for name in ("farewell", "owner", "refusals", "rejected", "search")),
    *(f"sinks.mqtt.{name}" for name in ("session", "shared", "sink", "store", "suspicion")),
    *(f"sinks.mqtt.{name}" for name in ("terms", "wording")),
}

HISTORY = {
    "sinks.clock_state",
    "sinks.disk_thread",
    "sinks.history",
    *(f"sinks.history.{name}" for name in ("allowance", "columns", "past", "sink", "store")),
    "sinks.history.writer",
}

RECORDER = {
    "sinks.clock_state",
    "sinks.disk_thread",
    "sinks.recorder",
    *(f"sinks.recorder.{name}" for name in ("folder", "ring", "sink", "writer")),
}


def loaded(folder, *arguments, ini=""):
    """The rooms of ours and the expensive modules that a run has loaded.

    What does not end by itself is stopped once it says something: by then it has what it
    needs, for arrays come out, or the log names the missing broker or bus.
    """
    (folder / "eflexcan2mqtt.ini").write_text(f"[mqtt]\nport = {free_port()}\n{ini}")
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    late = threading.Timer(60, process.kill)
    late.start()
    process.stdout.readline()  # what it is going to do
    process.stdout.readline()
    late.cancel()
    if LOG not in arguments and "--input" in arguments:
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    found = json.loads((folder / "modules.json").read_text())
    modules = {name.removeprefix("eflexcan2mqtt.") for name in found}
    rooms = {name for name in modules if name.startswith(("sources.", "sinks.", "explore"))}
    return rooms | modules & EXPENSIVE


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--input", LOG, "--output", "json"), FILE | LINES),
        (("--input", LOG, "--output", "influx"), FILE | {"sinks.text_lines", "sinks.influx"}),
        (("--input", LOG, "--output", "bytes"), FILE | {"sinks.byte_view"}),
        (("--input", LOG, "--output", "table", "--speed", "0"), FILE | TABLE),
        (("--input", "simulator:1", "--output", "json"), SIMULATOR | LINES),
        (("--input", "simulator:1"), SIMULATOR | BROKER),
        (("--input", "can", "--output", "json"), BUS | LINES),
    ],
)
def test_an_input_and_an_output_load_what_they_use(tmp_path, arguments, expected):
    assert loaded(tmp_path, *arguments) == expected


@pytest.mark.parametrize(
    ("ini", "more"),
    [
        ("[spool]\ndirectory = spool\n", {"sqlite3", "sinks.database", "sinks.mqtt.spool"}),
        (
            "[storage]\ndirectory = kept\n",
            {"sqlite3", "sinks.database", "sinks.mqtt.spool"} | HISTORY | RECORDER,
        ),
        (
            "[storage]\ndirectory = kept\n[history]\nmax_mb = 0\n[recorder]\nmax_mb = 0\n",
            {"sqlite3", "sinks.database", "sinks.mqtt.spool"},
        ),
        ("[logging]\nlog_dir = logs\n", {"logging.handlers"}),
        (
            "[homeassistant]\ndiscovery = yes\n",
            {
                "sinks.homeassistant",
                "sinks.homeassistant.attention",
                "sinks.homeassistant.devices",
                "sinks.homeassistant.discovery",
                "sinks.homeassistant.entities",
                "sinks.homeassistant.looks",
                "sinks.homeassistant.schedule",
            },
        ),
    ],
)
def test_a_setting_loads_what_it_asks_for(tmp_path, ini, more):
    assert loaded(tmp_path, "--input", "simulator:1", ini=ini) == SIMULATOR | BROKER | more


def test_the_page_loads_a_server_and_no_metrics_before_somebody_asks_for_them(tmp_path):
    ini = f"[web]\nlisten = 127.0.0.1:{free_port()}\n"
    names = ("", ".address", ".answers", ".board", ".connections", ".document", ".names")
    names += (".notes", ".page", ".request", ".server")
    web = {"http.server", "sinks.one_file", *(f"sinks.web{name}" for name in names)}
    assert loaded(tmp_path, "--input", "simulator:1", ini=ini) == SIMULATOR | BROKER | web


def test_python_can_is_not_loaded_for_the_settings_of_socketcan(tmp_path):
    ini = "[can]\ninterface = socketcan\nchannel = can1\nbitrate = 500000\n"
    assert loaded(tmp_path, "--input", LOG, "--output", "json", ini=ini) == FILE | LINES


def test_evidence_loads_only_what_reads_a_recording(tmp_path):
    assert loaded(tmp_path, "evidence", LOG) == FILE - {"sources.pace"}


def test_converting_loads_python_can_only_to_write(tmp_path):
    assert "can" not in loaded(tmp_path, "convert", "gone.log", "out.log")
    assert "can" in loaded(tmp_path, "convert", LOG, "out.log")


@pytest.mark.parametrize(
    "arguments", [("health",), ("dbc",), ("--version",), ("--version", "--verbose")]
)
def test_what_needs_no_input_and_no_output_loads_none(tmp_path, arguments):
    assert loaded(tmp_path, *arguments) == set()


def test_explore_is_loaded_by_its_command_alone(tmp_path):
    names = ("changes", "charts", "known", "report", "series", "survey", "text", "verdict", "words")
    rooms = {"explore", *(f"explore.{name}" for name in names)}
    assert loaded(tmp_path, "explore", LOG) == FILE - {"sources.pace"} | rooms | {"sinks.one_file"}
