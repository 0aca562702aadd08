"""The page's server: what it says, and to whom."""

from __future__ import annotations

import http.client
import json
import re

import pytest

from eflexcan2mqtt.protocol.bank import MOST_KNOWN
from eflexcan2mqtt.sinks.web.board import LATE_S
from tests.support.bank import FULL

from .asking import PATHS, ask, serving


def events(port, count):
    """The first events of the stream."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/events")
    answer = connection.getresponse()
    found = []
    while len(found) < count:
        name = answer.readline().decode().removeprefix("event: ").strip()
        found.append((name, json.loads(answer.readline().decode().removeprefix("data: "))))
        answer.readline()
    connection.close()
    return found


def test_the_latest_array_is_there_as_it_was_published(board, port):
    assert ask(port, "/batteries.json")[2] == "[]"
    board.publish(FULL)
    assert ask(port, "/batteries.json")[2] == json.dumps(FULL)


def test_the_page_needs_nothing_from_elsewhere(port):
    status, _, page = ask(port, "/")
    assert status == 200
    assert not re.search(r"src=|<link (?![^>]*href=\"data:)|@import|url\(", page)
    # Its links lead to this server, and two texts have an address that nothing is loaded from.
    ours = {"health", "metrics", "batteries.json", "history?format=csv"}
    assert set(re.findall(r"<a href=\"(.*?)\"", page)) == ours
    elsewhere = ("http://www.w3.org/2000/svg", "https://github.com/leeoniya/uPlot")
    assert not set(re.findall(r"https?://[\w./-]+", page)) - set(elsewhere)
    assert "insulation_resistance" in page


def test_the_page_is_one_file_of_less_than_120_kilobytes(port):
    page = ask(port, "/")[2]
    assert "{{" not in page
    assert len(page.encode()) < 120_000


def test_the_page_has_the_title_of_the_bank_whatever_it_is(board):
    with serving(board, title="</script><b>Cabin") as port:
        data = re.search(r"id=\"data\">(.*?)</script>", ask(port, "/")[2])[1]
    assert json.loads(data)["title"] == "</script><b>Cabin"


def test_a_lossy_bus_is_healthy_and_says_how_much_it_loses(board, clock, port):
    """Although no cycle came: no battery was complete."""
    board.set_state(
        frames=100, cycles=0, dropped={}, lossy=True, incomplete=0.93, never_complete=[3]
    )
    status, _, text = ask(port, "/health")
    found = json.loads(text)
    assert (status, found["bus"], found["incomplete"]) == (200, "lossy", 0.93)
    text = ask(port, "/metrics")[2]
    assert 'eflexcan2mqtt_bus{state="lossy"} 1.0' in text
    assert 'eflexcan2mqtt_bus{state="ok"} 0.0' in text
    assert "eflexcan2mqtt_incomplete_bursts_ratio 0.93" in text
    clock.now += LATE_S
    assert ask(port, "/health")[0] == 503  # no more frames: silent


def test_health_says_whether_a_cycle_came_in_the_last_ten_seconds(board, clock, port):
    assert ask(port, "/health")[0] == 503
    board.publish(FULL)
    board.set_state(broker="connected", frames=54)
    clock.now += LATE_S - 1
    status, headers, text = ask(port, "/health")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(text) == {
        "healthy": True,
        "bus": "ok",
        "cycle_age_s": 9.0,
        "uptime_s": 9,
        "broker": "connected",
        "frames": 54,
    }
    clock.now += 1
    status, _, text = ask(port, "/health")
    assert (status, json.loads(text)["bus"]) == (503, "silent")


def test_events_begin_with_the_past_and_bring_each_cycle_once(board, port):
    board.publish(FULL)
    found = events(port, 4)
    assert [name for name, _ in found] == ["past", "cycle", "health", "health"]
    assert found[0][1]["known"] == FULL
    assert found[1][1]["batteries"] == FULL
    assert found[1][1]["bank"]["batteries_present"] == len(FULL)


def test_a_cycle_brings_what_follows_from_it_so_that_the_page_decides_nothing(board, port):
    cells = [3300] * 15 + [3270]
    board.publish([{**FULL[0], "cell_voltages": cells, "alarm_status": "1"}])
    past, cycle = (event for _, event in events(port, 2))
    assert past["facts"] == cycle["facts"]
    assert cycle["facts"][FULL[0]["battery_id"]] == {
        "power": -15.9,
        "flow": "at rest",
        "cell_spread": 30,
        "cell_median": 3300.0,
        "marked_cells": {"16": "lowest"},
        "alarm": "level 1: relays open",
        "problem": True,
        "relays": "closed",
    }
    assert cycle["bank"]["flow"] == "at rest"
    assert cycle["bank"]["problem"] is True


def test_a_cycle_brings_where_the_charge_goes_at_this_pace(board, port):
    board.publish([{**FULL[0], "battery_current": -10.0, "battery_soc": 30}])
    bank = events(port, 2)[1][1]["bank"]
    assert (bank["flow"], bank["per_hour"], bank["target"]) == ("discharging", -9.8, 20)
    assert bank["target_s"] == 3661


def test_a_battery_without_a_reading_for_three_seconds_is_stale(board, clock, port):
    board.publish(FULL)
    clock.now += 2.9
    assert board.stale() == {}
    board.publish(FULL[1:])
    clock.now += 0.1
    [(name, health)] = events(port, 3)[2:]
    assert (name, health["stale"]) == ("health", {FULL[0]["battery_id"]: 3})
    assert health["old"] is False
    clock.now += 2.9
    assert board.news()["old"] is True


def test_a_stale_battery_is_remembered_with_its_last_reading(board):
    board.publish(FULL)
    board.publish(FULL[1:])
    assert {r["battery_number"] for r in json.loads(board.past())["known"]} == {1, 2, 3}
    assert json.loads(board.array()) == FULL[1:]


def test_what_is_remembered_is_bounded(board):
    for number in range(3 * MOST_KNOWN):
        board.publish([{**FULL[0], "battery_id": f"2211054F{number:04d}", "time": number}])
    assert len(json.loads(board.past())["known"]) == MOST_KNOWN


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_only_get_and_head_are_answered(port, method):
    for path in PATHS:
        assert ask(port, path, method)[0] == 405


def test_head_has_no_body(port):
    for path in PATHS:
        status, headers, text = ask(port, path, "HEAD")
        assert (status in (200, 503), text) == (True, "")
        assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/page.html", "/../../etc/passwd", "/health/", "/%2e%2e/", "/server.py", "*"]
)
def test_there_is_no_other_path(port, path):
    status, _, text = ask(port, path)
    assert (status, text) == (404, "nothing here\n")


@pytest.mark.parametrize("host", ["evil.example", "", "127.0.0.1.evil.example", "localhost.evil"])
def test_a_page_elsewhere_cannot_ask_by_its_own_name(port, host):
    assert ask(port, "/batteries.json", host=host)[0] == 421


def test_the_policy_lets_nothing_run_but_what_is_in_the_page(port):
    _, headers, _ = ask(port, "/")
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/=]+' 'sha256-[\w+/=]+';", policy)
