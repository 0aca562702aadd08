"""Who may ask for the page: by which name, with which password, from how many connections."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading

import pytest

from eflexcan2mqtt.settings.schema import Can
from eflexcan2mqtt.sinks.web import address
from eflexcan2mqtt.sinks.web.board import Board
from eflexcan2mqtt.sinks.web.connections import MOST_CONNECTIONS, MOST_OF_ONE, Connections
from eflexcan2mqtt.sinks.web.names import Names
from eflexcan2mqtt.sinks.web.request import MOST_HEAD
from eflexcan2mqtt.sources import trouble
from tests.support.bank import FULL
from tests.support.broker import free_port, wait_until
from tests.support.faults import seen
from tests.support.program import reads, stop

from .asking import PATHS, ask, listens, serving, status_of

OWN = socket.gethostname().lower()
SHORT = OWN.partition(".")[0]


@pytest.fixture
def board():
    found = Board()
    found.publish(FULL)
    return found


def raw(port, request):
    """What comes back for the bytes of a request; its sender goes on until it is disconnected."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request)
        return client.recv(65_536).decode()


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:8080", "localhost", "[::1]:80", "192.168.1.5", OWN, OWN.upper(), f"{OWN}."),
        *(f"{SHORT}{suffix}:8080" for suffix in ("", ".lan", ".fritz.box", ".home", ".local")),
        f"{SHORT}-2.local",
    ],
)
def test_the_names_that_a_network_gives_this_machine_work(host):
    assert Names().allow(host)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "", "127.0.0.1.evil.example", "localhost.evil", f"{SHORT}.evil.example"),
        *(f"{SHORT}.local.evil.example", f"{SHORT}-2.lan", "evil.lan", f"evil.{SHORT}.lan"),
    ],
)
def test_a_name_that_somebody_else_may_own_is_refused(host):
    assert not Names(("eflex.lan",)).allow(host)


def test_the_refusal_says_which_names_work_and_how_to_add_one(board):
    with serving(board, names=("eflex.lan",)) as port:
        status, _, text = ask(port, "/batteries.json", host="solar.example.org")
        assert status == 421
        assert f"{SHORT}.local" in text
        assert "[web]\nnames = eflex.lan, eflex.example.org" in text
        seen("a browser uses a name that is not this machine's", text)
        assert ask(port, "/batteries.json", host="eflex.lan:80")[0] == 200


def test_a_request_without_a_host_is_answered_as_that_of_a_health_check(board):
    with serving(board) as port:
        assert raw(port, b"GET /health HTTP/1.0\r\n\r\n").startswith("HTTP/1.0 200 ")


def test_two_hosts_in_a_request_must_both_be_ours(board):
    with serving(board) as port:
        answer = raw(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert answer.startswith("HTTP/1.0 421 ")


def test_without_frame_ancestors_nobody_embeds_the_page(board):
    with serving(board) as port:
        assert "frame-ancestors 'none'" in ask(port, "/")[1]["Content-Security-Policy"]
    pages = ("http://homeassistant.local:8123", "https://ha.example.org")
    with serving(board, frame_ancestors=pages) as port:
        policy = ask(port, "/")[1]["Content-Security-Policy"]
        assert policy.endswith(f"frame-ancestors {' '.join(pages)}")


def test_the_page_names_what_it_loads_relative_to_itself(board):
    """A reverse proxy may serve it below a path."""
    with serving(board) as port:
        page = ask(port, "/")[2]
    assert re.findall(r"EventSource\((.*?)\)", page) == ['"events"']
    assert not re.search(r"""(src|href|action|fetch\()=?["']/""", page)


def basic(text):
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def test_with_a_password_nothing_is_shown_without_it(board):
    with serving(board, username="eflex", password="gehäim") as port:
        for path in (*PATHS, "/nothing"):
            status, headers, text = ask(port, path)
            assert (status, text) == (401, "needs the password\n")
            assert headers["WWW-Authenticate"].startswith("Basic ")
        for wrong in ("eflex:", "eflex:geheim", "other:gehäim", "eflex:gehäim2"):
            assert ask(port, "/health", **basic(wrong))[0] == 401
        for nonsense in ("Basic", "Basic \xe4", "Bearer x"):
            assert ask(port, "/health", Authorization=nonsense)[0] == 401
        assert ask(port, "/health", **basic("eflex:gehäim"))[0] == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * MOST_HEAD,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"a" * MOST_HEAD,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + 90 * (b"Cookie: " + b"a" * 190 + b"\r\n"),
    ],
    ids=["a long path", "a long header", "many headers"],
)
def test_a_head_of_more_than_16_kib_is_refused(board, head):
    with serving(board) as port:
        assert raw(port, head).startswith("HTTP/1.0 431 ")


def test_a_head_of_a_chatty_browser_is_accepted(board):
    with serving(board) as port:
        assert ask(port, "/health", Cookie="a" * 8000)[0] == 200


def test_endless_heads_cost_no_memory(start, tmp_path):
    port = free_port()
    process = start(*page_of(tmp_path, f"listen = 127.0.0.1:{port}"))
    wait_until(lambda: listens(port), "the page")
    lines = 99 * (b"X: " + b"a" * 60_000 + b"\r\n")  # each as long as http.server takes

    def flood():
        for _ in range(3):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                    client.sendall(b"GET / HTTP/1.1\r\n" + lines)
            except OSError:
                pass

    floods = [threading.Thread(target=flood) for _ in range(MOST_CONNECTIONS)]
    for each in floods:
        each.start()
    for each in floods:
        each.join()
    most = int(re.search(r"VmHWM:\s+(\d+)", status_of(process))[1])
    assert most < 64 * 1024


def page_of(folder, *lines, source="simulator:2"):
    ini = folder / "page.ini"
    ini.write_text("\n".join(["[web]", *lines]) + "\n")
    return "-c", ini, "--input", source, "--output", "web"


@pytest.fixture
def sockets():
    made = [socket.socket() for _ in range(MOST_CONNECTIONS + 1)]
    yield made
    for each in made:
        each.close()


def test_one_address_gets_a_quarter_of_the_connections(sockets):
    connections = Connections()
    taken = [connections.add(each, "192.168.1.5", 5) for each in sockets]
    assert sum(taken) == MOST_OF_ONE == MOST_CONNECTIONS // 4
    assert connections.add(sockets[-1], "192.168.1.6", 5)
    connections.remove(sockets[0])
    assert connections.add(sockets[0], "192.168.1.5", 5)


@pytest.mark.parametrize("proxy", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_a_reverse_proxy_on_this_machine_gets_all_of_them(sockets, proxy):
    connections = Connections()
    assert sum(connections.add(each, proxy, 5) for each in sockets) == MOST_CONNECTIONS


def test_a_page_for_the_network_is_logged_with_what_can_be_opened_and_one_warning(start, tmp_path):
    port = free_port()
    process = start(*page_of(tmp_path, f"listen = 0.0.0.0:{port}"))
    line = reads(process.stderr, ": serving the page")
    assert "0.0.0.0" not in line
    assert f"http://{socket.gethostname()}:{port}" in line
    wait_until(lambda: listens(port), "the page")
    stop(process)
    rest = process.stderr.read()
    assert rest.count("WARNING") == 1
    assert "0.0.0.0" not in rest
    seen("the page can be read in the whole network", rest)


def test_with_a_password_or_for_this_machine_only_there_is_no_warning(start, tmp_path):
    (tmp_path / "secret").write_text("geheim\n")
    for lines in (
        [f"listen = 0.0.0.0:{free_port()}", "password_file = secret"],
        [f"listen = 127.0.0.1:{free_port()}"],
    ):
        process = start(*page_of(tmp_path, *lines))
        reads(process.stderr, ": serving the page")
        stop(process)
        assert "WARNING" not in process.stderr.read()


@pytest.mark.parametrize(
    ("listen", "urls"),
    [
        ("[::1]:8080", ["http://[::1]:8080"]),
        ("192.168.1.5:80", ["http://192.168.1.5:80"]),
        ("", ["http://127.0.0.1:8080"]),
    ],
)
def test_an_address_is_shown_as_browsers_take_it(listen, urls):
    assert address.parse(listen).urls() == urls


@pytest.mark.parametrize(
    ("listen", "url"), [("127.0.0.1:8080", ""), ("192.0.2.7:8080", "http://192.0.2.7:8080")]
)
def test_a_link_for_other_machines_is_none_if_they_cannot_open_it(listen, url):
    assert address.open_url(listen) == url


def test_the_page_says_why_there_is_no_bus_and_what_to_do(start, tmp_path):
    port, closed = free_port(), free_port()
    arguments = page_of(tmp_path, f"listen = 127.0.0.1:{port}", source="can")
    with arguments[1].open("a") as ini:
        ini.write(f"[can]\ninterface = socketcand\nhost = 127.0.0.1\nport = {closed}\n")
    start(*arguments)
    wait_until(lambda: listens(port), "the page")
    wait_until(lambda: json.loads(ask(port, "/health")[2]).get("problem"), "the problem")
    problem = json.loads(ask(port, "/health")[2])["problem"]
    seen("the page is open, but the bus is not", problem)


def test_the_first_steps_of_socketcan_are_named():
    can = Can(channel="can0", bitrate=250_000)
    assert trouble.failed(can, "No such device") == (
        "can0: No such device. Is the adapter plugged in? "
        "`ip link` lists the interfaces for [can] channel."
    )
    assert "sudo ip link set can0 up type can bitrate 250000" in trouble.failed(
        can, "Network is down"
    )
