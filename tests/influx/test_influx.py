"""An hour of the bank, through mosquitto and Node-RED into InfluxDB: every point, once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from itertools import takewhile
from types import SimpleNamespace

import pytest

from eflexcan2mqtt.sinks.influx import to_influx
from eflexcan2mqtt.sources import simulator
from tests.support.bank import EXAMPLE, candump_line
from tests.support.broker import Broker, wait_until
from tests.support.program import MAIN, mqtt_ini

from .servers import EXAMPLES, Influx, NodeRed

BATTERIES = 14
START = 1_715_987_139.0
HOUR_S = 3600.0
DATABASE = "eflex"
LONGEST_S = 240.0
SPEED = "200"  # the hour takes 18 s, in which the broker is restarted twice


def flat(reading):
    """The fields of a point, as Telegraf would make them of an object."""
    point = {}
    for key, value in reading.items():
        if key in ("battery_id", "time"):
            continue
        if key == "cell_voltages":
            point |= {f"cell_voltages_{place}": volts for place, volts in enumerate(value)}
        elif key == "temps":
            point |= {f"temps_{probe}": each for probe, each in value.items() if each is not None}
        else:
            point[key] = value
    return point


def bridge(*arguments, **options):
    command = [sys.executable, MAIN, "--fields", "extended", *map(str, arguments)]
    return subprocess.run(command, check=True, text=True, timeout=LONGEST_S, **options)


@pytest.fixture(scope="module")
def hour(tmp_path_factory):
    """A log of an hour, and what it holds by battery and time."""
    folder = tmp_path_factory.mktemp("hour")
    log = folder / "hour.log"
    frames = simulator.frames(BATTERIES, START)
    with log.open("w") as file:
        file.writelines(
            candump_line(frame) for frame in takewhile(lambda f: f[2] < START + HOUR_S, frames)
        )
    arrays = bridge("--input", log, "--output", "json", capture_output=True).stdout
    points = {
        (reading["battery_id"], reading["time"]): flat(reading)
        for array in arrays.splitlines()
        for reading in json.loads(array)
    }
    objects = arrays.count('"battery_id"')
    assert len(points) == objects, "two points of a battery at one time"
    print(f"the source: {objects} points of {BATTERIES} batteries in {HOUR_S:g} s")
    assert objects > 49_000
    return SimpleNamespace(log=log, points=points)


@pytest.fixture(scope="module")
def influx(tmp_path_factory):
    server = Influx(tmp_path_factory.mktemp("influx")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def filled(tmp_path_factory, hour, influx):
    """The database when the hour is through; broker and database were restarted meanwhile."""
    folder = tmp_path_factory.mktemp("way")
    settings = (
        *("allow_anonymous true", "max_queued_messages 0", "log_type all"),
        *("persistence true", f"persistence_location {folder}/"),
    )
    broker = Broker(folder, *settings).start()
    influx.query(f"CREATE DATABASE {DATABASE}")
    red = NodeRed(folder, broker.port, influx.url, DATABASE)
    ini = mqtt_ini(folder, broker.port, fields="extended")
    try:
        red.start()
        wait_until(lambda: "Sending SUBACK" in broker.log.read_text(), "Node-RED's subscription")
        begun = time.monotonic()
        command = [sys.executable, MAIN, "-c", ini, "--input", hour.log, "--speed", SPEED]
        sender = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for _ in range(2):
            time.sleep(4)
            assert sender.poll() is None, "the hour was over before the broker was restarted"
            broker.restart()
            print(f"broker restarted; {count(influx)} points in the database")
        influx.stop()
        time.sleep(2)
        influx.start()
        print(f"database restarted; {count(influx)} points in it")
        _, errors = sender.communicate(timeout=LONGEST_S)
        assert sender.returncode == 0, errors
        while (found := count(influx)) < len(hour.points):
            assert time.monotonic() - begun < LONGEST_S, f"{found} points: {red.log.read_text()}"
            time.sleep(0.5)
        print(f"{found} points after {time.monotonic() - begun:.0f} s")
        yield influx
    finally:
        red.stop()
        broker.kill()


def count(influx):
    """How many points the database has."""
    series = influx.query('SELECT count("battery_soc") FROM "eflex"', DATABASE)
    return series[0]["values"][0][1] if series else 0


def test_every_point_of_every_battery_is_there_once_at_its_time_with_its_values(hour, filled):
    points = filled.points(DATABASE)
    assert points.keys() == hour.points.keys()
    different = [at for at, point in hour.points.items() if points[at] != point]
    assert different == []
    print(f"{len(points)} points compared, {sum(map(len, points.values()))} values")


def test_an_imported_log_gives_the_same_points(hour, influx):
    lines = bridge("--input", hour.log, "--output", "influx", capture_output=True).stdout
    influx.import_lines("imported", lines)
    assert influx.points("imported") == hour.points


def test_hostile_text_arrives_as_it_is(influx):
    text = 'a "quoted" \\ back, comma=equals \u00fc\u2603'
    reading = {**EXAMPLE[0], "battery_id": "2, 3=4 x", "hardware_version": text, "time": 7}
    influx.import_lines("hostile", to_influx([reading]) + "\n")
    (series,) = influx.query('SELECT "hardware_version" FROM "eflex" GROUP BY *', "hostile")
    assert series["tags"] == {"battery_id": "2, 3=4 x"}
    assert series["values"] == [[7, text]]


def queries():
    """All queries of the dashboard, by their panels."""
    dashboard = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
    return [
        pytest.param(target["query"], id=f"{panel['title']}-{target['refId']}")
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]


@pytest.mark.parametrize("query", queries())
def test_each_query_of_the_dashboard_finds_something(query, filled, hour):
    """Grafana cannot run here; its variables are put in by hand."""
    battery = next(iter(hour.points))[0]
    for variable, value in {
        "$timeFilter": f"time >= {START:.0f}s AND time < {START + HOUR_S:.0f}s",
        "$__interval": "60s",
        "$battery": battery if "tag_battery_id" not in query else ".*",
    }.items():
        query = query.replace(variable, value)
    assert "$" not in re.sub(r"\$/", "", query), query
    series = filled.query(query, DATABASE)
    assert series
    assert all(None not in row for each in series for row in each["values"])


def test_the_charts_of_the_bank_say_what_the_batteries_say(filled, hour):
    dashboard = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
    query = {each["title"]: each["targets"][0]["query"] for each in dashboard["panels"]}
    minute = [point for (_, at), point in hour.points.items() if 0 <= at - 1_715_987_160 < 60]
    expected = {
        "Bank SOC": sum(each["battery_soc"] for each in minute) / len(minute),
        "Bank current": sum(each["battery_current"] for each in minute) / len(minute) * BATTERIES,
        "Batteries present": BATTERIES,
    }
    for title, value in expected.items():
        text = (
            query[title]
            .replace("$__interval", "60s")
            .replace("$timeFilter", "time >= 1715987160s AND time < 1715987220s")
        )
        ((_, found),) = filled.query(text, DATABASE)[0]["values"]
        assert found == pytest.approx(value, rel=0.002), title
