"""What needs attention reaches the log, systemctl status, the table, the page and the metrics."""

from __future__ import annotations

import json
import logging
import re
import socket
import urllib.request
from itertools import islice

import pytest

from eflexcan2mqtt.protocol.circumstances import Circumstances
from eflexcan2mqtt.protocol.loss import Loss
from eflexcan2mqtt.settings.attention import AttentionSettings
from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.faults import parse
from eflexcan2mqtt.watch import Watch

from .support.bank import FRAMES_PER_BURST, FULL, START, candump_line
from .support.broker import free_port, wait_until

BATTERIES = 2
NEEDS = "needs attention"
SILENT = "No reading from any battery"
STALE = f"{NEEDS}: {SILENT}"
OPEN = "Battery 2: the charge and discharge relays are open"


@pytest.fixture
def record(tmp_path):
    """A recording of a bank with faults."""

    def make(faults, cycles):
        frames = simulator.frames(BATTERIES, START, faults=parse(faults, BATTERIES))
        path = tmp_path / "faults.log"
        lines = map(candump_line, islice(frames, cycles * BATTERIES * FRAMES_PER_BURST))
        path.write_text("".join(lines))
        return path

    return make


def about_attention(log):
    return [line.partition(" ")[2].partition(" ")[2] for line in log.splitlines() if NEEDS in line]


def test_the_log_has_a_line_as_a_finding_begins_and_one_as_it_ends(run, record):
    done = run("--input", record("relay_open:2@10s-30s", 100), "--output", "json")
    assert about_attention(done.stderr) == [
        f"WARNING needs attention: {OPEN}",
        f"INFO needs attention no more: {OPEN}",
    ]


def test_a_healthy_bank_has_no_line(run, record):
    assert about_attention(run("--input", record("", 60), "--output", "json").stderr) == []


def test_a_gap_in_a_recording_is_found_however_fast_it_is_played(run, record):
    done = run("--input", record("silent@10s-40s", 60), "--output", "json")
    assert about_attention(done.stderr) == [
        f"WARNING needs attention: {SILENT}",
        f"INFO needs attention no more: {SILENT}",
    ]


@pytest.mark.parametrize(
    ("faults", "speed"),
    [
        ("silent@3s", "1"),
        ("silent@3s", "20"),
        ("missing:1@0, missing:2@3s", "20"),
        ("lossy:100%@3s", "0"),
    ],
)
def test_a_bank_that_sends_nothing_more_is_found_and_can_be_stopped(start, faults, speed):
    bank = ("--input", f"simulator:{BATTERIES}", "--output", "json", "--speed", speed)
    process = start(*bank, "--faults", faults)
    for line in process.stderr:
        if STALE in line:
            break
    process.terminate()
    _, rest = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "frames: " in rest


def test_a_lossy_bus_has_only_the_line_with_its_causes(run, record):
    done = run("--input", record("lossy:5%@0", 200), "--output", "json")
    assert "the bus is lossy: " in done.stderr
    assert about_attention(done.stderr) == []


def test_settings_move_the_limits(run, record, tmp_path):
    ini = tmp_path / "cool.ini"
    ini.write_text("[attention]\ntemperature_low = 25\n")
    done = run("-c", ini, "--input", record("", 80), "--output", "json")
    lines = about_attention(done.stderr)
    assert lines
    assert all("probe" in line for line in lines)


def test_the_table_says_it_in_words_below_the_batteries(run, record):
    done = run("--input", record("relay_open:2@0", 10), "--output", "table", "--speed", "0")
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(rf"problem since .*\d\d:\d\d  {OPEN}", last.rstrip())


def test_page_metrics_health_and_systemd_have_the_list(start, record, tmp_path, monkeypatch):
    port = free_port()
    ini = tmp_path / "page.ini"
    ini.write_text(f"[web]\nlisten = 127.0.0.1:{port}\n")
    log = record("relay_open:2@0, alarm1:1@0", 10)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        start("-c", ini, "--input", log, "--output", "web", "--speed", "0")
        both = "; attention: Battery 1: alarm level 1, alarm word 0x0001, and 1 more"
        wait_until(lambda: both in manager.recv(4096).decode(), both)
    page = f"http://127.0.0.1:{port}"
    wait_until(lambda: "sentence" in text_of(f"{page}/health"))
    attention = json.loads(text_of(f"{page}/health"))["attention"]
    assert [each["sentence"] for each in attention][1] == OPEN
    assert attention[1] == {
        "kind": "relay_open",
        "severity": "problem",
        "battery_number": 2,
        "battery_id": attention[1]["battery_id"],
        "cell": None,
        "value": None,
        "unit": "",
        "since": round(START),
        "sentence": OPEN,
    }
    labels = f'battery_id="{attention[1]["battery_id"]}",battery_number="2"'
    sample = f'eflex_attention{{{labels},kind="relay_open",severity="problem"}} 1.0'
    assert sample in text_of(f"{page}/metrics").splitlines()
    with urllib.request.urlopen(f"{page}/events", timeout=10) as events:
        while b"event: health" not in events.readline():
            pass
        assert json.loads(events.readline()[len("data: ") :])["attention"] == attention


def text_of(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()
    except OSError:
        return ""  # it has not begun to listen


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


class Ends:
    """How the bus, the source and the sinks are."""

    def __init__(self):
        self.bus = Circumstances()
        self.health = {"problem": ""}


@pytest.fixture
def ends():
    return Ends()


@pytest.fixture
def watch(clock, ends):
    return Watch(AttentionSettings(), clock, lambda: ends.bus, lambda: ends.health)


def pass_seconds(watch, clock, seconds):
    for _ in range(seconds):
        clock.now += 1
        watch.publish(FULL)
        watch.tick()


def test_the_broker_and_the_bus_are_on_the_list_without_a_line_in_the_log(
    watch, clock, ends, caplog
):
    """Where they are found out, they are logged with their causes."""
    caplog.set_level(logging.DEBUG)
    ends.bus = Circumstances(lossy=Loss(0.1, ()), two_batteries=(3,))
    ends.health["broker"] = "away"
    pass_seconds(watch, clock, 70)
    assert [each["kind"] for each in watch.shown()] == ["lossy", "two_batteries", "broker_away"]
    # The status has "broker away" in any case.
    lossy = "The bus is lossy: 10 % of the bursts are incomplete"
    assert watch.status() == f"attention: {lossy}, and 1 more"
    ends.bus, ends.health["broker"] = Circumstances(), "connected"
    pass_seconds(watch, clock, 1)
    assert (watch.shown(), watch.status()) == ([], "")
    assert caplog.messages == []


def test_without_a_broker_none_is_away(watch, clock):
    pass_seconds(watch, clock, 100)
    assert watch.findings == ()


@pytest.mark.parametrize(("gap", "lines"), [(8, []), (20, [STALE]), (1e9, [STALE]), (-1e9, [])])
def test_a_gap_is_judged_before_the_cycle_after_it(watch, clock, caplog, gap, lines):
    pass_seconds(watch, clock, 20)
    clock.now += gap
    watch.publish(FULL)
    pass_seconds(watch, clock, 20)
    assert caplog.messages == lines
    assert watch.findings == ()


def fall_silent(watch, clock, ends, problem):
    ends.health["problem"] = problem
    for _ in range(12):
        clock.now += 1
        watch.tick()
    ends.health["problem"] = ""


def test_a_silent_bus_is_stale_for_the_reason_that_the_source_has_logged(
    watch, clock, ends, caplog
):
    """The source says when it is over, and the status has its problem in any case."""
    caplog.set_level(logging.DEBUG)
    fall_silent(watch, clock, ends, "can0: Network is down. Start it.")
    assert [each["sentence"] for each in watch.shown()] == ["can0: Network is down. Start it."]
    assert watch.status() == ""
    pass_seconds(watch, clock, 1)
    assert (watch.shown(), caplog.messages) == ([], [])


def test_a_bank_without_readings_is_logged_if_the_source_knows_no_reason(
    watch, clock, ends, caplog
):
    caplog.set_level(logging.DEBUG)
    fall_silent(watch, clock, ends, "")
    assert watch.status() == "attention: No reading from any battery"
    pass_seconds(watch, clock, 1)
    assert caplog.messages == [
        f"{each}: No reading from any battery"
        for each in ("needs attention", "needs attention no more")
    ]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_status_has_the_first_and_counts_the_others(watch, clock, count):
    alarmed = [
        {**each, "alarm_status": "1", "alarm_level_1": 1} if index < count else each
        for index, each in enumerate(FULL)
    ]
    watch.publish(alarmed)
    others = f", and {count - 1} more" if count > 1 else ""
    first = f"Battery {FULL[0]['battery_number']}: alarm level 1, alarm word 0x0001"
    assert watch.status() == f"attention: {first}{others}"
