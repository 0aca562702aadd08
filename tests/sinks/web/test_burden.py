"""Slow, broken and too many clients, and an address in use: the bus loop does not feel them."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from contextlib import suppress

import pytest

from eflexcan2mqtt.sinks.web.answers import REQUEST_S
from eflexcan2mqtt.sinks.web.server import MOST_STREAMS
from tests.support.broker import free_port, wait_until
from tests.support.faults import seen
from tests.support.program import mqtt_ini, reads

from .asking import ask, listens, status_of


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

        wait_until(is_cut_off, "the end of the connection", longest_s=4 * REQUEST_S)


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
    usual = lateness(subscriber)
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
    wait_until(lambda: len(subscriber.payloads()) >= before + 8, "eight arrays")
    # A busy machine makes some arrays late; a loop that is held up, all of them.
    wait_until(lambda: lateness(subscriber) < usual + 1.5, "an array in time")
    arrays = [json.loads(payload) for payload in subscriber.payloads()[before:]]
    over.set()
    holder.join()
    threads = int(re.search(r"Threads:\s+(\d+)", status_of(process))[1])
    for each in held:
        each.close()
    assert all(len(array) == 14 for array in arrays)
    assert threads < 60
    wait_until(lambda: answers(port), "an answer")


def lateness(subscriber):
    """How old the latest array is."""
    return time.time() - json.loads(subscriber.payloads()[-1])[0]["time"]


def answers(port):
    """Whether the page has a connection left for us."""
    try:
        return ask(port, "/health")[0] == 200
    except OSError:
        return False
