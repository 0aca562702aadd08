"""The states of banks in PostgreSQL, and examples/grafana-fleet.json, which shows them.

Grafana cannot run here: each query of its dashboard runs with the variables and macros put in.
"""

from __future__ import annotations

import json
import re
import time
from datetime import datetime, timedelta, timezone

import psycopg
import pytest

from tests.support.bank import EXAMPLE
from tests.support.broker import wait_until
from tests.support.postgres import rows
from tests.support.program import mqtt_ini, stop

from .store import EXAMPLES, HOUSE

STATUS, ATTENTION = "/status", "/bank/attention"
DASHBOARD = json.loads((EXAMPLES / "grafana-fleet.json").read_text())
QUERIES = {each["title"]: each["targets"][0] for each in DASHBOARD["panels"]}
CALM = json.dumps({"severity": "none", "sentences": []})
DOCS = EXAMPLES.parent / "docs/many-banks.md"


def attention(severity, *sentences):
    return json.dumps({"severity": severity, "sentences": sentences})


def fleet(database, columns):
    return rows(database, f"SELECT {columns} FROM fleet() ORDER BY topic")


def status(database, topic=HOUSE):
    """What is stored of it."""
    return [each for (each,) in rows(database, "SELECT status FROM bank WHERE topic = %s", topic)]


def test_what_needs_attention_is_what_the_bank_says(
    remembering_broker, make_store, start, subscribe, database, tmp_path
):
    """The first reader finds it at the broker, the second one of the group gets it, too."""
    port = remembering_broker.port
    settings = {"topic": HOUSE, "client_id": "house", "fields": "extended"}
    ini = mqtt_ini(tmp_path, port, **settings)
    with ini.open("a") as file:
        file.write("[homeassistant]\ndiscovery = yes\n")
    faults = ("--faults", "relay_open:2@0")
    bank = start("-c", ini, "--input", "simulator:3", *faults, stdout=None, stderr=None)
    witness = subscribe(port, HOUSE + ATTENTION)
    wait_until(lambda: witness.messages, "attention")
    first = make_store(port, "store-1", "--group", "store")
    wait_until(lambda: fleet(database, "severity, silent") == [("problem", False)], "the fleet")
    said = json.loads(witness.messages[-1][1])
    assert said["sentences"]
    assert fleet(database, "site, bank, batteries, status, sentences") == [
        ("home", "house", 3, "online", "; ".join(said["sentences"]))
    ]
    first.end()
    make_store(port, "store-2", "--group", "store")
    stop(bank)
    wait_until(lambda: status(database) == ["offline"], "its end")


def test_a_reader_that_was_away_stores_the_last_state(
    remembering_broker, make_store, publish, database
):
    reader = make_store(remembering_broker.port)
    publish("online", topic=HOUSE + STATUS)
    wait_until(lambda: status(database) == ["online"], "the first state")
    since = rows(database, "SELECT status_since FROM bank")
    publish("online", topic=HOUSE + STATUS)
    publish(CALM, topic=HOUSE + ATTENTION)
    wait_until(lambda: fleet(database, "severity") == [("none",)], "attention")
    assert rows(database, "SELECT status_since FROM bank") == since  # the same as before
    reader.end()
    publish(*["offline", "online"] * 20, "offline", topic=HOUSE + STATUS)
    reader.start()
    wait_until(lambda: status(database) == ["offline"], "the last state")
    time.sleep(0.5)
    assert status(database) == ["offline"]
    assert rows(database, "SELECT status_since FROM bank") > since


def test_a_state_waits_for_the_database(
    remembering_broker, make_store, publish, postgres, database
):
    reader = make_store(remembering_broker.port)
    postgres.stop()
    publish("online", topic=HOUSE + STATUS)
    wait_until(lambda: "retrying until it works" in reader.said(), "the outage")
    reader.end()
    postgres.start()
    reader.start()
    wait_until(lambda: status(database) == ["online"], "the state")


def test_what_is_no_state_is_skipped_and_what_comes_with_it_is_stored(
    remembering_broker, make_store, publish, database
):
    reader = make_store(remembering_broker.port)
    no_attention = [
        *("{", "5", "null", "[]", '"severity"', '{"severity": "none"}', '{"sentences": []}'),
        *('{"severity": "none", "sentences": "none"}', '{"severity": null, "sentences": []}'),
    ]
    no_status = ["away", "\0", "[]"]
    publish(CALM, *no_attention, topic=HOUSE + ATTENTION)
    publish("online", *no_status, topic=HOUSE + STATUS)
    wait_until(lambda: fleet(database, "status, severity") == [("online", "none")], "the states")
    wrong = [*no_attention, *no_status]
    wait_until(lambda: reader.said().count(": no state, and skipped: ") == len(wrong), "the log")
    publish("", topic=HOUSE + ATTENTION)  # as when the bank was removed from the broker
    wait_until(lambda: fleet(database, "status, severity") == [("online", None)], "no attention")
    assert len(reader.said().splitlines()) == len(wrong) + 1


def readings(at, count=2, **changes):
    """An array of batteries that are 0.5 s apart, to the second."""
    return json.dumps(
        [
            {**EXAMPLE[0], "battery_id": f"B{each}", "time": int(at + each / 2), **changes}
            for each in range(count)
        ]
    )


DAY_S = 86_400


@pytest.fixture
def now():
    """When the newest readings came."""
    return time.time()


def messages(now):
    """Of five banks, with their topics."""
    return [
        ("eflex/north/well", readings(now - DAY_S, lifetime_discharge_energy=1000)),
        ("eflex/north/well", readings(now, lifetime_discharge_energy=1500, battery_soc=60)),
        ("eflex/north/well/status", "online"),
        ("eflex/north/well/bank/attention", CALM),
        # Silent for an hour, with a third battery that had left, and once with a wrong clock.
        ("eflex/north/silent", readings(now - 3700, 3)),
        ("eflex/north/silent", readings(now - 3600, 2)),
        ("eflex/north/silent", readings(now + 9 * DAY_S, 2)),
        ("eflex/north/silent/status", "offline"),
        ("eflex/south/noted", readings(now, 3, battery_soc=7)),
        (
            "eflex/south/noted/bank/attention",
            attention("notice", "Battery 3: cell 7", "Bus: lossy"),
        ),
        ("eflex/south/worse", readings(now)),
        ("eflex/south/worse/bank/attention", attention("problem", "Battery 1: its relay is open")),
        ("eflex/west/empty/status", "online"),  # it has never sent an array
    ]


@pytest.fixture
def small_fleet(postgres, database, now):
    """The connection string of a role that can only read a small fleet."""
    every = messages(now)
    states = [each for each in every if each[0].endswith((STATUS, ATTENTION))]
    arrays = [each for each in every if each not in states]
    [[name]] = rows(database, "SELECT 'grafana_' || current_database()")
    with psycopg.connect(database) as connection:
        for function, cast, sent in (
            ("store", "jsonb", arrays),
            ("store_states", "text", states),
        ):
            columns = [list(each) for each in zip(*sent, strict=True)]
            connection.execute(f"SELECT {function}(%s::text[], %s::text[]::{cast}[])", columns)
        connection.execute("SELECT write_day(battery, day) FROM changed_day")
        connection.execute(f"CREATE ROLE {name} LOGIN")
        [grant] = re.findall(r"GRANT SELECT ON .* TO (?=grafana)", DOCS.read_text())
        connection.execute(grant + name)
    return database.replace("user=eflex", f"user={name}")


def ask(database, title, **variables):
    """What a panel of the dashboard gets: its columns by name."""
    return run(database, QUERIES[title]["rawSql"], **variables)


def run(database, query, bank="eflex/north/well", battery="B0", silent="5 minutes"):
    end = datetime.now(timezone.utc) + timedelta(minutes=1)
    begin, end = (f"'{each:%Y-%m-%dT%H:%M:%SZ}'" for each in (end - timedelta(days=7), end))
    for pattern, text in (
        (r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN {begin} AND {end}"),
        (
            r"\$__timeGroupAlias\((\w+), \$__interval\)",
            r'floor(extract(epoch from \1)/60)*60 AS "time"',
        ),
        (r"\$__timeFrom\(\)", begin),
        (r"\$__interval_ms\b", "60000"),
        (r"\$bank\b", bank),
        (r"\$battery\b", battery),
        (r"\$silent\b", silent),
    ):
        query = re.sub(pattern, text, query)
    assert "$" not in query
    with psycopg.connect(database, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(query).fetchall()


def test_the_stat_counts_what_is_silent_and_needs_attention(small_fleet):
    assert ask(small_fleet, "Fleet") == [
        {
            **{"sites": 3, "banks": 5, "batteries": 9, "silent": 2},
            **{"need attention": 2, "attention unknown": 2},
        }
    ]


def test_the_silent_banks_are_those_without_a_reading_the_newest_first(small_fleet, now):
    found = ask(small_fleet, "Silent")
    assert [(each["topic"], each["status"]) for each in found] == [
        ("eflex/north/silent", "offline"),
        ("eflex/west/empty", "online"),
    ]
    assert found[0]["last_reading"].timestamp() == int(now - 3600 + 0.5)
    assert found[1]["last_reading"] is None
    [later] = ask(small_fleet, "Silent", silent="1 day")
    assert later["topic"] == "eflex/west/empty"


def test_what_needs_attention_comes_with_its_sentences_the_worst_first(small_fleet):
    found = ask(small_fleet, "Needs attention")
    assert [(each["topic"], each["severity"], each["sentences"]) for each in found] == [
        ("eflex/south/worse", "problem", "Battery 1: its relay is open"),
        ("eflex/south/noted", "notice", "Battery 3: cell 7; Bus: lossy"),
    ]


def test_a_bank_is_shown_with_the_batteries_of_its_last_cycle(small_fleet):
    found = {each["topic"]: each for each in ask(small_fleet, "All banks")}
    shown = {topic: (each["batteries"], each["lowest_soc"]) for topic, each in found.items()}
    soc = EXAMPLE[0]["battery_soc"]
    assert shown == {
        "eflex/north/silent": (2, soc),
        "eflex/north/well": (2, 60),
        "eflex/south/noted": (3, 7),
        "eflex/south/worse": (2, soc),
        "eflex/west/empty": (0, None),
    }
    well, cells = found["eflex/north/well"], EXAMPLE[0]["cell_voltages"]
    assert well["widest_spread"] == max(cells) - min(cells)
    assert well["lowest_voltage"] == pytest.approx(EXAMPLE[0]["battery_voltage"])
    power = EXAMPLE[0]["battery_voltage"] * EXAMPLE[0]["battery_current"]
    assert well["power"] == pytest.approx(2 * power)


def test_the_last_readings_are_found_by_the_key_and_in_the_newest_month(database, now):
    arrays = [readings(now - days * DAY_S) for days in (70, 35, 0)]
    with psycopg.connect(database) as connection:
        store = "SELECT store(%s::text[], %s::text[]::jsonb[])"
        connection.execute(store, ([HOUSE] * len(arrays), arrays))
    with psycopg.connect(database) as connection:
        [(found,)] = connection.execute("SELECT last_reading FROM fleet()").fetchall()
        assert found.timestamp() == int(now + 0.5)
        scans = connection.execute(
            "SELECT seq_scan, idx_scan FROM pg_stat_xact_user_tables "
            "WHERE relname LIKE 'reading\\_%' ORDER BY relname DESC"
        ).fetchall()
    assert scans == [(0, 2), (0, 0), (0, 0)]


def test_the_queries_of_the_documentation_find_what_they_say(small_fleet):
    first, second = re.findall(r"^SELECT .* FROM fleet\(.*;$", DOCS.read_text(), re.M)
    assert {each["bank"] for each in run(small_fleet, first)} == {
        *("silent", "empty", "noted", "worse"),
    }
    assert {each["bank"] for each in run(small_fleet, second)} == {"silent", "empty"}


def test_a_severity_is_since_when_it_changed(database):
    def say(severity, sentence):
        with psycopg.connect(database) as connection:
            message = [HOUSE + ATTENTION], [attention(severity, sentence)]
            connection.execute("SELECT store_states(%s::text[], %s::text[])", message)
        return fleet(database, "severity_since")

    first = say("notice", "470 mV")
    assert say("notice", "480 mV") == first
    assert say("problem", "490 mV") > first


def test_a_bank_that_is_gone_for_good_can_be_deleted(small_fleet, database):
    with psycopg.connect(database) as connection:
        for table in ("bank", "battery"):
            connection.execute(f"DELETE FROM {table} WHERE topic = 'eflex/north/silent'")
    assert [each["topic"] for each in ask(small_fleet, "Silent")] == ["eflex/west/empty"]


def test_the_charts_of_a_bank_show_its_readings(small_fleet):
    charge = ask(small_fleet, "Charge of $bank")
    assert {each["metric"] for each in charge} == {"B0", "B1"}
    assert [float(each["soc"]) for each in charge][-1] == 60
    assert sum(each["readings"] for each in ask(small_fleet, "Readings a minute of $bank")) == 4
    power = EXAMPLE[0]["battery_voltage"] * EXAMPLE[0]["battery_current"]
    minutes = ask(small_fleet, "Power of $bank")
    # Two batteries are half a second apart, which may be in two minutes.
    assert sum(each["power"] for each in minutes) == pytest.approx(2 * 2 * power, rel=1e-5)
    energy = ask(small_fleet, "Energy out of $bank, each day")
    assert sum(each["energy"] for each in energy) == 2 * 500


def test_the_chart_of_a_battery_shows_its_cells_day_by_day(small_fleet):
    found = ask(small_fleet, "Lowest voltage of the cells of $battery, each day")
    assert len({each["time"] for each in found}) == 2
    for number, mv in enumerate(EXAMPLE[0]["cell_voltages"], 1):
        of_cell = [each["lowest"] for each in found if each["metric"] == f"cell {number:02}"]
        assert of_cell == [mv, mv]


def test_every_query_of_the_dashboard_is_tested_and_its_lists_are_those_of_the_fleet(small_fleet):
    for each in QUERIES.values():
        found = run(small_fleet, each["rawSql"])
        assert found
        assert each["format"] == ("time_series" if "time" in found[0] else "table")
    lists = {each["name"]: each["query"] for each in DASHBOARD["templating"]["list"]}
    assert len(run(small_fleet, lists["bank"])) == 4
    assert [each["battery_id"] for each in run(small_fleet, lists["battery"])] == ["B0", "B1"]
    [default] = [each for each in DASHBOARD["templating"]["list"] if each["name"] == "silent"]
    for silent in default["query"].split(","):
        assert ask(small_fleet, "Fleet", silent=silent.strip())
