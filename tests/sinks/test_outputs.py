"""The table of outputs: choices, help and dispatch follow from it."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from contextlib import suppress

import pytest

from eflexcan2mqtt.protocol.fields import EXPERIMENTAL, shown
from eflexcan2mqtt.sinks import OUTPUTS
from tests.support.broker import free_port, wait_until
from tests.support.program import LOG, STOP_S, reads, stop


@pytest.mark.parametrize("name", OUTPUTS)
def test_help_tells_what_each_output_is(run, name):
    words = " ".join(run("--help").stdout.split())
    assert f"{name}: {OUTPUTS[name].help}" in words


@pytest.mark.parametrize("name", [name for name, each in OUTPUTS.items() if each.piped])
def test_a_recording_runs_through_each_piped_output(run, name):
    done = run("--input", LOG, "--output", name)
    assert done.returncode == 0
    assert "2299075F9999" in done.stdout


def fetch(port, path):
    """What the page answers, or None while it is not there."""
    with suppress(OSError):
        return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20).read()
    return None


@pytest.mark.parametrize("source", [("simulator:3",), (LOG, "--speed", "0")])
def test_the_page_needs_no_broker_and_shows_every_field(start, tmp_path, source):
    """A bus, a recording or the simulator; what a recording showed last stays until a signal."""
    port = free_port()
    (tmp_path / "x.ini").write_text(f"[web]\nlisten = 127.0.0.1:{port}\n")
    process = start("-c", "x.ini", "--output", "web", "--input", *source)
    arrays = [[]]

    def arrived():
        arrays.append(json.loads(fetch(port, "/batteries.json") or b"[]"))
        return arrays[-1]

    wait_until(arrived, "an array")
    assert list(arrays[-1][0]) == [each.key for each in shown(EXPERIMENTAL)]
    health = json.loads(health_of(port))
    assert "broker" not in health
    assert process.poll() is None
    assert stop(process, signal.SIGINT) < STOP_S
    assert process.returncode == 0


def health_of(port):
    """The health, also where it is bad."""
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=20).read()
    except urllib.error.HTTPError as error:
        return error.read()


def test_without_an_address_the_page_is_at_port_8080_of_this_machine(start):
    process = start("--output", "web", "--input", "simulator:1")
    line = reads(process.stderr, "127.0.0.1:8080")
    assert "http://127.0.0.1:8080: " in line
    assert stop(process) < STOP_S
