"""From the frame that wraps the cycle to the array at a subscriber."""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median, quantiles

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.socketcan import GATHER_S
from tests.support.bank import FRAMES_PER_BURST, candump_line
from tests.support.broker import Broker
from tests.support.program import MAIN

from . import running
from .report import Claim, Part

BATTERIES = 14
ROUNDS = 150
PAUSE_S = 0.05
"""With a shorter pause, TCP sometimes delays an array until an acknowledgement arrives."""
ARRAY_BYTES = 11_658
"""14 batteries with extended fields, give or take a few digits."""
READ_S = 0.01
"""Time to read all frames of a cycle but the last."""
ARRIVE_S = 10.0
TOPIC = "eflexbatteries"
AGAINST_PAHO = 6.0
"""The limit for decoding, outbox and pipe together, against a bare publish of the same bytes."""


def measure() -> Part:
    """Compare the bridge with a bare paho client that publishes as many bytes."""
    rows: list[tuple[object, ...]] = []
    medians: dict[tuple[str, int], float] = {}
    with running.broker() as (broker, folder):
        for qos in (0, 2):
            with _subscribed(broker.port, qos) as arrived:
                for who, times in {
                    "eflexcan2mqtt": _bridge(folder, broker, qos, arrived),
                    "bare paho": _bare(broker.port, qos, arrived),
                }.items():
                    middle, *_, late = median(times), quantiles(times, n=100)[98]
                    medians[who, qos] = middle
                    rows.append((who, qos, middle * 1e3, late * 1e3))
    return Part(
        "Latency: the wrapping frame to a subscriber",
        f"{ROUNDS} cycles of {BATTERIES} batteries through a pipe, mosquitto and a subscriber in "
        "Python; bare paho publishes as many bytes to the same subscriber. On SocketCAN frames "
        f"gather for up to {GATHER_S * 1e3:.0f} ms more.",
        ("", "QoS", "median, ms", "99th percentile, ms"),
        rows,
        [
            Claim(
                f"median with QoS {qos} against bare paho",
                medians["eflexcan2mqtt", qos] / medians["bare paho", qos],
                AGAINST_PAHO,
            )
            for qos in (0, 2)
        ],
    )


Arrived = queue.SimpleQueue[tuple[float, int]]


@contextmanager
def _subscribed(port: int, qos: int) -> Iterator[Arrived]:
    """When each array arrived, and its length."""
    arrived: Arrived = queue.SimpleQueue()
    client, ready = paho.Client(CallbackAPIVersion.VERSION2), queue.SimpleQueue[None]()
    client.on_subscribe = lambda *_: ready.put(None)
    client.on_message = lambda _, __, message: arrived.put((time.monotonic(), len(message.payload)))
    client.on_connect = lambda client, *_: client.subscribe(TOPIC, qos)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        ready.get(timeout=ARRIVE_S)
        yield arrived
    finally:
        client.disconnect()
        client.loop_stop()


def _bridge(folder: Path, broker: Broker, qos: int, arrived: Arrived) -> list[float]:
    frames = map(candump_line, simulator.frames(BATTERIES, 1.7e9))
    ini = running.ini_of(folder, broker, qos=qos)
    call = [sys.executable, str(MAIN), "-c", str(ini), "--input", "-", "--speed", "0"]
    with running.started(call) as program:
        program.write(next(frames))
        until = time.monotonic() + ARRIVE_S
        while "broker connected" not in program.notified():
            assert time.monotonic() < until, "no broker"
            program.write("\n")

        def one_cycle() -> float:
            program.write("".join(islice(frames, BATTERIES * FRAMES_PER_BURST - 1)))
            time.sleep(READ_S)
            sent = time.monotonic()
            program.write(next(frames))
            return sent

        return _times(one_cycle, arrived)


def _bare(port: int, qos: int, arrived: Arrived) -> list[float]:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()

    payload = b"x" * ARRAY_BYTES

    def one_message() -> float:
        sent = time.monotonic()
        client.publish(TOPIC, payload, qos)
        return sent

    times = _times(one_message, arrived)
    client.disconnect()
    client.loop_stop()
    return times


def _times(send: Callable[[], float], arrived: Arrived) -> list[float]:
    """The seconds between sending and arrival; the first rounds warm up and do not count."""
    times = []
    for _ in range(ROUNDS + 10):
        sent = send()
        at, length = arrived.get(timeout=ARRIVE_S)
        assert abs(length - ARRAY_BYTES) < 100, "an array of the whole bank"
        times.append(at - sent)
        time.sleep(PAUSE_S)
    return times[10:]
