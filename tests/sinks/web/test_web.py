"""The page's server: what it says, to whom, and that nobody can hold up the bus loop with it."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from eflexcan2mqtt.protocol.bank import MOST_KNOWN
from eflexcan2mqtt.settings.schema import WebSettings
from eflexcan2mqtt.sinks.web.board import LATE_S, Board
from eflexcan2mqtt.sinks.web.server import MOST_STREAMS, PageServer
from tests.support.bank import FULL
from tests.support.broker import free_port, wait_until
from tests.support.faults import seen
from tests.support.program import mqtt_ini, reads

PATHS = ("/", "/batteries.json", "/events", "/health", "/metrics")


class Clock:
    """A clock that stands until it is set."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def board(clock):
    return Board(clock)


@pytest.fixture
def port(board):
    """The port of a page that shows the board."""
    with serving(board) as number:
        yield number


@contextmanager
def serving(board, **settings):
    """A page with these settings; its port."""
    number = free_port()
    server = PageServer(WebSettings(listen=f"127.0.0.1:{number}", **settings), board)
    server.start()
    wait_until(lambda: listens(number), "the page")
    yield number
    server.close()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port, path, method="GET", host="127.0.0.1", **headers):
    """Status, headers and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Host": host, **headers})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read().decode()


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


def test_a_stale_battery_leaves_the_metrics(board, clock, port):
    board.publish(FULL)
    clock.now += 2.9
    board.publish(FULL[1:])
    assert ask(port, "/metrics")[2].count("\neflex_battery_soc_ratio{") == 3
    clock.now += 0.1
    assert ask(port, "/metrics")[2].count("\neflex_battery_soc_ratio{") == 2


def test_the_metrics_without_a_broker_have_no_counters_of_it(board, port):
    board.set_state(frames=54, cycles=1, dropped={"incomplete": 2})
    text = ask(port, "/metrics")[2]
    assert "eflexcan2mqtt_frames_total 54.0" in text
    assert "broker" not in text


def test_the_metrics_are_in_base_units(board, port):
    board.publish(FULL[:1])
    lines = ask(port, "/metrics")[2].splitlines()
    battery = 'battery_id="2299075F9999"'
    for line in (
        f"eflex_battery_soc_ratio{{{battery}}} 0.71",
        f"eflex_battery_voltage_volts{{{battery}}} 53.1",
        f"eflex_battery_current_amperes{{{battery}}} -0.3",
        f'eflex_cell_voltage_volts{{{battery},cell="16"}} 3.319',
        f"eflex_last_frame_timestamp_seconds{{{battery}}} 1.715987139e+09",
    ):
        assert line in lines


def test_a_number_that_means_unknown_is_no_sample(board, port):
    known = {**FULL[0], "battery_id": "2299075F0001", "insulation_resistance": 500}
    board.publish([FULL[0], known])
    samples = re.findall(r"^eflex_insulation_resistance{.*", ask(port, "/metrics")[2], re.M)
    assert samples == ['eflex_insulation_resistance{battery_id="2299075F0001"} 500.0']


def test_the_metrics_have_the_energy_that_the_broker_has(board, port):
    counters = {"energy_in": 1.5, "energy_out": 0.5, "energy_ignored": 0.001}
    board.set_state(energy={"bank": counters, "batteries": {"A": counters}, "gaps": 3})
    lines = ask(port, "/metrics")[2].splitlines()
    for line in (
        "# TYPE eflex_energy_in_joules_total counter",
        'eflex_energy_in_joules_total{battery_id="A"} 5.4e+06',
        'eflex_energy_out_joules_total{battery_id="A"} 1.8e+06',
        'eflex_energy_ignored_joules_total{battery_id="A"} 3600.0',
        "eflex_bank_energy_in_joules_total 5.4e+06",
        "eflex_bank_energy_out_joules_total 1.8e+06",
        "eflex_bank_energy_ignored_joules_total 3600.0",
        "eflex_energy_gaps_total 3.0",
    ):
        assert line in lines
    board.set_state()
    assert "eflex_energy" not in ask(port, "/metrics")[2]


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


@pytest.mark.parametrize(
    "nonsense",
    [b"\0\xff\r\n\r\n", b"GET " + b"a" * 70_000, b"GET /\r\n\r\n"],
    ids=["bytes", "long", "short"],
)
def test_nonsense_does_no_harm(port, nonsense):
    # It may have been refused, and disconnected, before all of it was sent.
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(nonsense)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass
    assert ask(port, "/batteries.json")[0] == 200


def test_a_slow_client_is_disconnected(port):
    """Not even a byte now and then keeps a connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:

        def is_cut_off():
            try:
                client.sendall(b"G")
            except ConnectionError:
                return True
            return False

        wait_until(is_cut_off, "the end of the connection")


def test_too_many_streams_are_refused(port):
    held = []
    for _ in range(MOST_STREAMS):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/events")
        held.append((connection, connection.getresponse()))
    assert ask(port, "/events")[0] == 503
    assert ask(port, "/batteries.json")[0] == 200
    for connection, answer in held:
        answer.close()
        connection.close()


def test_an_address_in_use_costs_the_page_only_and_is_tried_again(
    start, broker, subscribe, tmp_path
):
    subscriber = subscribe(broker.port)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = start("-c", page_ini(tmp_path, broker.port, port), "--input", "simulator:2")
        line = reads(process.stderr, "Address already in use; retrying until it works")
        seen("another program has the page's address", line)
        wait_until(lambda: len(subscriber.payloads()) >= 2)
    wait_until(lambda: listens(port), "the page")


def page_ini(folder, broker_port, port):
    ini = mqtt_ini(folder, broker_port)
    ini.write_text(ini.read_text() + f"[web]\nlisten = 127.0.0.1:{port}\n")
    return ini


def test_five_hundred_connections_held_open_do_not_touch_the_bus_loop(
    start, broker, subscribe, tmp_path
):
    subscriber = subscribe(broker.port)
    port = free_port()
    process = start("-c", page_ini(tmp_path, broker.port, port), "--input", "simulator:14")
    reads(process.stderr, "serving the page")
    wait_until(subscriber.payloads)
    held, over = [], threading.Event()

    def hold():
        while not over.is_set():
            while len(held) < 500 and not over.is_set():
                with suppress(OSError):  # the page may be too busy to take all of them
                    held.append(socket.create_connection(("127.0.0.1", port), timeout=10))
            over.wait(1)
            for each in held[:40]:  # those that were cut off come again
                each.close()
            del held[:40]

    holder = threading.Thread(target=hold)
    holder.start()
    wait_until(lambda: len(held) == 500, "500 connections")
    before = len(subscriber.payloads())
    # They come each second; of a busy machine, less often.
    wait_until(lambda: len(subscriber.payloads()) >= before + 8, "eight arrays", longest_s=30)
    arrays = [json.loads(payload) for payload in subscriber.payloads()[before:]]
    over.set()
    holder.join()
    threads = int(re.search(r"Threads:\s+(\d+)", status_of(process))[1])
    for each in held:
        each.close()
    assert all(len(array) == 14 for array in arrays)
    assert threads < 60
    wait_until(lambda: answers(port), "an answer")


def answers(port):
    """Whether the page has a connection left for us."""
    try:
        return ask(port, "/health")[0] == 200
    except OSError:
        return False


def status_of(process):
    return Path(f"/proc/{process.pid}/status").read_text()
