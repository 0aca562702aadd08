"""The program records what is unusual, and gives the recordings to its page."""

from __future__ import annotations

import base64
import gzip
import json
import signal
from itertools import pairwise
from urllib.error import HTTPError

import pytest

from eflexcan2mqtt.sinks.recorder.folder import recordings
from tests.support.broker import wait_until
from tests.support.faults import seen
from tests.support.program import LOG, reads, stop

BANK = ("--input", "simulator:3", "--output", "web", "--speed", "60")


@pytest.fixture
def listed(asked):
    """What the page has, once there is something."""

    def listed(**headers):
        wait_until(lambda: json.loads(asked("/recordings", **headers)[0])["recordings"])
        return json.loads(asked("/recordings", **headers)[0])

    return listed


def status_of(call, *args):
    with pytest.raises(HTTPError) as refused:
        call(*args)
    return refused.value.code, refused.value.read().decode()


def test_a_fault_is_recorded_from_two_minutes_before_it_on(start, run, ini, tmp_path):
    process = start("-c", ini(), *BANK, "--faults", "relay_open:2@200s")
    log = reads(process.stderr, "recording ")
    [kept] = recordings(tmp_path / "kept")
    assert kept.why == "relay-battery-2"
    assert f"{kept.name}: battery 2: relays: charge, discharge open (before: closed)" in log
    size = kept.size
    wait_until(lambda: recordings(tmp_path / "kept")[0].size > size, "the minute behind it")
    stop(process)
    done = run("--input", tmp_path / "kept" / kept.name, "--output", "json", "--fields", "extended")
    arrays = [json.loads(line) for line in done.stdout.splitlines()]
    states = [
        (each["time"], each["charge_relay_status"])
        for array in arrays
        for each in array
        if each["battery_number"] == 2
    ]
    opened = next(at for at, state in states if state == "Break")
    times = [at for at, _ in states]
    assert times[0] <= opened - 120
    assert times[-1] >= opened + 59
    assert max(later - sooner for sooner, later in pairwise(times)) <= 2
    assert {state for at, state in states if at < opened} == {"Make"}
    assert all(len(array) == 3 for array in arrays[1:-1])


def test_a_signal_asks_for_a_recording_that_the_page_lists(start, ini, listed):
    process = start("-c", ini(), *BANK)
    reads(process.stderr, "serving the page")
    process.send_signal(signal.SIGUSR1)
    found = listed()
    assert found["muted"] == []
    [recording] = found["recordings"]
    assert recording["download"] is True
    assert (recording["kind"], recording["why"]) == ("request", "request")
    stop(process)
    assert process.returncode == 0


def test_the_page_gives_a_recording_as_a_file(start, ini, listed, asked, tmp_path):
    process = start("-c", ini(), *BANK)
    reads(process.stderr, "serving the page")
    wait_until(lambda: batteries(asked("/batteries.json")), "the first array")
    process.send_signal(signal.SIGUSR1)
    name = listed()["recordings"][0]["name"]
    content, headers = asked(f"/recordings/{name}")
    assert headers["Content-Type"] == "application/gzip"
    assert headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert b"can0 101#01" in gzip.decompress(content)
    (tmp_path / "kept" / "secret.log.gz").write_bytes(b"x")
    for other in ("secret.log.gz", "..%2Fsecret", "2026-11-29T031502-relay.log.gz"):
        assert status_of(asked, f"/recordings/{other}")[0] == 404


def test_serial_numbers_only_leave_with_a_password(start, run, ini, listed, asked, tmp_path):
    process = start("-c", ini("[recorder]\nanonymize = no\n"), *BANK)
    reads(process.stderr, "serving the page")
    wait_until(lambda: batteries(asked("/batteries.json")), "the first array")
    process.send_signal(signal.SIGUSR1)
    [kept] = listed()["recordings"]
    assert kept["download"] is False
    code, text = status_of(asked, f"/recordings/{kept['name']}")
    assert code == 403
    assert "set [web] password_file" in text
    sent = batteries(asked("/batteries.json"))
    stop(process)
    (tmp_path / "password").write_text("secret\n")
    more = "password_file = password\n[recorder]\nanonymize = no\n"
    process = start("-c", ini(more), *BANK)
    reads(process.stderr, "serving the page")
    assert status_of(asked, "/recordings")[0] == 401
    shown = {"Authorization": f"Basic {base64.b64encode(b'eflex:secret').decode()}"}
    [kept] = listed(**shown)["recordings"]
    assert kept["download"] is True
    content, _ = asked(f"/recordings/{kept['name']}", **shown)
    (tmp_path / "given.log.gz").write_bytes(content)
    done = run("--input", "given.log.gz", "--output", "json")
    assert batteries(done.stdout.splitlines()) == sent


def batteries(arrays):
    """The serial numbers in the first of some arrays."""
    return [each["battery_id"] for each in json.loads(arrays[0])]


def test_without_a_recorder_a_signal_and_the_page_say_so(start, ini, asked, tmp_path):
    process = start("-c", ini("[recorder]\nmax_mb = 0\n"), *BANK)
    reads(process.stderr, "serving the page")
    process.send_signal(signal.SIGUSR1)
    line = reads(process.stderr, "SIGUSR1: there is no recorder")
    seen("SIGUSR1 asks for a recording, but there is no recorder", line)
    for path in ("/recordings", "/recordings/2026-11-29T031502-relay.log.gz"):
        code, text = status_of(asked, path)
        assert (code, text.partition(":")[0]) == (404, "there is no recorder")
    assert recordings(tmp_path / "kept") == []


def test_a_folder_that_cannot_be_read_is_no_end(start, ini, asked, tmp_path):
    (tmp_path / "kept").write_text("a file")
    process = start("-c", ini(), *BANK)
    reads(process.stderr, "serving the page")
    for path in ("/recordings", "/recordings/2026-11-29T031502-relay.log.gz"):
        code, text = status_of(asked, path)
        assert (code, text) == (503, f"{tmp_path}/kept: Not a directory\n")


def test_a_recording_from_a_file_is_not_recorded_again(start, ini, asked, tmp_path):
    process = start("-c", ini(), "--input", LOG, "--output", "web")
    reads(process.stderr, "serving the page")
    wait_until(lambda: json.loads(asked("/batteries.json")[0]), "the last array of the file")
    assert status_of(asked, "/recordings")[0] == 404
    stop(process)
    assert not (tmp_path / "kept").exists()
