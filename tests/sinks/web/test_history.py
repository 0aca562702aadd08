"""/history answers in JSON and CSV, whoever asks what."""

from __future__ import annotations

import csv
import json
import time
from contextlib import closing
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.events import HistoryEvent
from eflexcan2mqtt.settings.schema import WebSettings
from eflexcan2mqtt.sinks.history.past import Past
from eflexcan2mqtt.sinks.history.store import FILE_NAME, History
from eflexcan2mqtt.sinks.history.writer import NOTHING
from eflexcan2mqtt.sinks.web.board import Board
from eflexcan2mqtt.sinks.web.server import PageServer
from tests.support.broker import free_port, wait_until
from tests.support.history import NOON, minute, minutes

from .asking import ask, listens

START = NOON * 60
HOUR = f"from={START}&to={START + 3600}"


@pytest.fixture
def history(tmp_path):
    with closing(History(tmp_path)) as made:
        yield made


@pytest.fixture
def port(history, tmp_path):
    """The port of a page with that history."""
    number = free_port()
    past = Past(tmp_path / FILE_NAME, lambda: NOTHING)
    server = PageServer(WebSettings(listen=f"127.0.0.1:{number}"), Board(), past)
    server.start()
    wait_until(lambda: listens(number), "the page")
    yield number
    server.close()


def test_an_answer_has_columns_with_gaps(history, port):
    relay = HistoryEvent(START + 61, 3, "relay", 1, "relays: charge open")
    bus = HistoryEvent(START + 62, 0, "attention", 0, "The broker is away")
    history.write([minute(), minute(NOON + 1), minute(NOON + 4, energy_out=7200)], [relay, bus])
    status, headers, text = ask(port, f"/history?{HOUR}")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    found = json.loads(text)
    assert (found["battery"], found["from"], found["to"]) == ("bank", START, START + 3600)
    assert (found["step"], found["first"]) == (60, START)
    assert found["time"] == [START, START + 60, START + 120, START + 240]
    assert found["soc"]["mean"] == [50.0, 50.0, None, 50.0]
    assert found["voltage"]["min"] == [52.8, 52.8, None, 52.8]
    assert found["current"]["max"] == [11.0, 11.0, None, 11.0]
    assert found["power"]["mean"] == [530.0, 530.0, None, 410.0]
    assert found["temperature"] == {"low": [20, 20, None, 20], "high": [25, 25, None, 25]}
    cells = {key: values[0] for key, values in found["cells"].items()}
    assert cells == {
        **{"low_mv": 3300, "low_battery": 3, "low_cell": 5},
        **{"high_mv": 3320, "high_battery": 4, "high_cell": 16},
    }
    assert found["energy"] == {"in_kwh": 0.027, "out_kwh": 0.002}
    assert found["events"] == [
        {
            **{"time": START + 61, "battery": 3, "kind": "relay", "begin": True},
            "text": "relays: charge open",
        },
        {
            **{"time": START + 62, "battery": None, "kind": "attention", "begin": False},
            "text": "ended: The broker is away",
        },
    ]
    assert found["events_left_out"] == 0


def test_without_parameters_it_is_the_bank_in_the_last_day(history, port):
    now = int(time.time()) // 60
    history.write(minutes(now - 25 * 60, 120), [])
    found = json.loads(ask(port, "/history")[2])
    assert found["to"] - found["from"] == 86_400
    assert (found["battery"], found["step"]) == ("bank", 180)
    assert len(found["time"]) in (20, 21)


def test_a_battery_and_a_number_of_points_can_be_chosen(history, port):
    history.write([minute(NOON + at, number) for at in range(60) for number in (0, 7)], [])
    found = json.loads(ask(port, f"/history?battery=7&points=10&{HOUR}")[2])
    bank = json.loads(ask(port, f"/history?battery=bank&{HOUR}")[2])
    assert (bank["battery"], bank["step"]) == ("bank", 60)
    assert (found["battery"], found["step"], len(found["time"])) == (7, 360, 10)
    assert set(found["cells"]["low_battery"]) == {7}


def test_times_may_be_dates(history, port, monkeypatch):
    history.write([minute()], [])
    query = "from=2026-06-01T12:00:00Z&to=2026-06-01T15:00:00%2B02:00"
    assert json.loads(ask(port, f"/history?{query}")[2])["time"] == [START]


def test_a_spreadsheet_can_read_it(history, port, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    history.write([minute(), minute(NOON + 5)], [])
    status, headers, text = ask(port, f"/history?format=csv&{HOUR}")
    monkeypatch.undo()
    time.tzset()
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert text.startswith("\ufefftime,")
    first, second = csv.DictReader(text[1:].splitlines())
    assert first["UTC offset (h)"] == "2.0"
    assert (first["time"], second["time"]) == ("2026-06-01 14:00:00", "2026-06-01 14:05:00")
    assert (first["SOC (%)"], first["power (W)"], first["lowest cell (mV)"]) == (
        *("50.0", "530.0"),
        "3300",
    )
    assert (first["battery of lowest cell"], first["lowest cell"]) == ("3", "5")
    assert None not in first  # no more values than names


def test_the_hour_that_comes_twice_is_told_apart(history, port, monkeypatch):
    first = 1_792_888_200 // 60  # 2026-10-25 02:30 in summer
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    history.write([minute(first), minute(first + 60)], [])
    text = ask(port, f"/history?format=csv&from={first * 60}&to={first * 60 + 7200}")[2]
    monkeypatch.undo()
    time.tzset()
    assert [line.split(",")[:2] for line in text.splitlines()[1:]] == [
        ["2026-10-25 02:30:00", "2.0"],
        ["2026-10-25 02:30:00", "1.0"],
    ]


NAMES = st.sampled_from(["battery", "from", "to", "points", "format", "Battery", ""])
VALUES = st.one_of(
    st.sampled_from(
        ["bank", "json", "csv", "3", "٣", "\uff12", "9" * 5000, "1_7", "nan", "-0", "²"]
    ),
    st.integers(-10, 2100).map(str),
    st.integers(1_700_000_000, 1_800_000_000).map(str),
    st.datetimes().map(str),
    st.text(max_size=20),
)


# Three of the longest are no longer than a request may be.
@given(st.lists(st.tuples(NAMES, VALUES), max_size=3))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_parameters_are_answered_or_refused(port, pairs):
    query = urlencode(pairs, errors="replace")
    status, headers, text = ask(port, f"/history?{query}")
    given = dict(pairs)
    if status == 400:
        name, _, sentence = text.partition(": ")
        assert name in given
        assert sentence.startswith(("expected ", "given more than once", "unknown parameter"))
    else:
        assert status == 200
        assert len(given) == len(pairs)
        assert query.isascii()
        assert all(value.isascii() for value in given.values())
        if headers["Content-Type"] == "application/json":
            asked = given.get("battery", "bank")
            assert json.loads(text)["battery"] == (asked if asked == "bank" else int(asked))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("battery=16", "battery: expected bank or a number from 1 to 15\n"),
        ("battery=", "battery: expected bank or a number from 1 to 15\n"),
        ("battery=%D9%A3", "battery: expected bank or a number from 1 to 15\n"),
        (f"battery={'9' * 5000}", "battery: expected bank or a number from 1 to 15\n"),
        ("battery=3&battery=4", "battery: given more than once\n"),
        ("points=0", "points: expected a whole number from 1 to 2000\n"),
        ("points=2001", "points: expected a whole number from 1 to 2000\n"),
        ("format=xml", "format: expected json or csv\n"),
        ("from=2000000000&to=1000000000", "from: expected a time before to\n"),
        ("since=1", "since: unknown parameter; there are battery, format, from, points, to\n"),
    ],
)
def test_a_wrong_parameter_is_named(port, query, sentence):
    status, _, text = ask(port, f"/history?{query}")
    assert (status, text) == (400, sentence)


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize(
    "text", ["yesterday", "", "1", "nan", "9e99", "1_780_315_200", "%D9%A1780315200"]
)
def test_a_wrong_time_is_named(port, name, text):
    status, _, text = ask(port, f"/history?{name}={text}")
    assert status == 400
    assert text.startswith(f"{name}: expected a time such as")


def test_what_cannot_be_read_now_is_unavailable(history, port):
    history.path.unlink()
    history.path.mkdir()
    status, _, text = ask(port, "/history")
    assert status == 503
    assert text.startswith("history cannot be read now: ")


def test_head_has_no_body(port):
    status, headers, text = ask(port, "/history", "HEAD")
    assert (status, headers["Content-Type"], text) == (200, "application/json", "")


def test_without_history_there_is_a_sentence():
    number = free_port()
    server = PageServer(WebSettings(listen=f"127.0.0.1:{number}"), Board())
    server.start()
    wait_until(lambda: listens(number), "the page")
    status, _, text = ask(number, "/history")
    server.close()
    assert status == 404
    assert text == "there is no history: [storage] directory is not set, or [history] max_mb is 0\n"
