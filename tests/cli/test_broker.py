"""The command and a real broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from eflexcan2mqtt.protocol.blocks import STALE_S
from tests.support.bank import CAPTURES, START, candump_line, cycles, sent
from tests.support.broker import wait_until
from tests.support.program import MAIN, STOP_S, mqtt_ini, reads, stop


def test_a_log_reaches_the_broker_byte_for_byte_and_it_ends_well(run, broker, subscribe, tmp_path):
    subscriber = subscribe(broker.port)
    done = run("-c", mqtt_ini(tmp_path, broker.port), "--input", CAPTURES / "lost_frames.log")
    assert done.returncode == 0
    expected = (CAPTURES / "lost_frames.json").read_bytes().splitlines()
    wait_until(lambda: len(subscriber.payloads()) == 3)
    assert subscriber.payloads() == expected
    wait_until(lambda: subscriber.statuses() == [b"online", b"offline"])


def test_a_log_waits_for_a_broker_where_a_bus_would_drop_the_oldest(
    start, make_broker, make_proxy, subscribe, tmp_path
):
    """Twice as many cycles as there is room for, without a loss."""
    # By itself mosquitto drops what a reader is more than 1,000 messages behind with.
    broker = make_broker("allow_anonymous true", "max_queued_messages 0").start()
    subscriber, network = subscribe(broker.port), make_proxy(broker.port)
    network.down()
    log = tmp_path / "long.log"
    log.write_text("".join(candump_line(f) for burst in cycles([1], 2000) for f in burst))
    process = start("-c", mqtt_ini(tmp_path, network.port), "--input", log, "--speed", "0")
    process.stderr.readline()
    time.sleep(1)
    network.up()
    wait_until(lambda: len(subscriber.payloads()) == 2000)
    assert process.wait(timeout=60) == 0
    times = [json.loads(each)[0]["time"] for each in subscriber.payloads()]
    assert times == sorted(times)
    assert times[-1] - times[0] > 2000


def test_publish_interval_thins_by_recorded_time(run, broker, subscribe, tmp_path):
    log = tmp_path / "long.log"
    log.write_text("".join(candump_line(f) for burst in cycles([1, 2], 33) for f in burst))
    subscriber = subscribe(broker.port)
    ini = mqtt_ini(tmp_path, broker.port, publish_interval=10)
    assert run("-c", ini, "--input", log, "--speed", "0").returncode == 0
    wait_until(lambda: len(subscriber.payloads()) >= 4)
    times = [json.loads(each)[0]["time"] - START for each in subscriber.payloads()]
    assert times == [0, 10, 20, 30]


def test_a_pipe_that_falls_silent_ends_its_cycle(start):
    """candump -L can0 | main.py --input -, and the bank is switched off."""
    begun = time.monotonic()
    process = start("--input", "-", "--output", "json", stdin=subprocess.PIPE)
    reads(process.stderr, "input -")
    started = time.monotonic()
    process.stdin.write("".join(candump_line(frame) for frame in sent(1)))
    process.stdin.flush()
    assert len(json.loads(process.stdout.readline())) == 1
    # What a busy machine adds, it adds to the start as well.
    assert 2 < time.monotonic() - started < STALE_S + 2 + 2 * (started - begun)


def test_a_stop_publishes_the_open_cycle_and_says_offline(start, broker, subscribe, tmp_path):
    subscriber = subscribe(broker.port)
    process = start("-c", mqtt_ini(tmp_path, broker.port), "--input", "-", stdin=subprocess.PIPE)
    wait_until(subscriber.statuses)
    # What the pipe takes at once is read at once: when the first cycle is there, the second is.
    frames = sent(1) + sent(2) + sent(1)
    process.stdin.write("".join(map(candump_line, frames)))
    process.stdin.flush()
    wait_until(subscriber.payloads, "the first cycle")
    assert numbers(subscriber) == [[1, 2]]
    assert stop(process) < STOP_S
    wait_until(lambda: subscriber.statuses() == [b"online", b"offline"])
    subscriber.catch_up()
    assert numbers(subscriber) == [[1, 2], [1]]


def numbers(subscriber):
    """The batteries of each array."""
    return [
        [each["battery_number"] for each in json.loads(array)] for array in subscriber.payloads()
    ]


def test_a_kill_leaves_the_last_will(start, broker, subscribe, tmp_path):
    subscriber = subscribe(broker.port)
    process = start("-c", mqtt_ini(tmp_path, broker.port), "--input", "simulator:1")
    wait_until(lambda: len(subscriber.payloads()) >= 2)
    process.kill()
    wait_until(lambda: subscriber.statuses() == [b"online", b"offline"])
    late = subscribe(broker.port)
    wait_until(lambda: ("eflexbatteries/status", b"offline", True) in late.messages)


def test_the_death_of_a_thread_ends_the_process_with_a_failure(broker, tmp_path):
    """Whatever paho raises would otherwise leave a daemon that sends nothing."""
    ini = mqtt_ini(tmp_path, broker.port)
    code = (
        "import sys; from paho.mqtt.client import Client;"
        "Client.loop_misc = lambda *_: 1 / 0;"
        "from eflexcan2mqtt.cli import main;"
        f"sys.exit(main(['-c', {str(ini)!r}, '--input', 'simulator:1']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(MAIN.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "CRITICAL thread " in done.stderr


def test_the_end_of_the_input_waits_until_the_whole_spool_has_arrived(
    start, broker, make_proxy, subscribe, tmp_path
):
    """More than the spool gives in a second."""
    subscriber, network = subscribe(broker.port), make_proxy(broker.port)
    network.down()
    ini = mqtt_ini(tmp_path, network.port)
    ini.write_text(f"{ini.read_text()}[spool]\ndirectory = {tmp_path}/spool\n")
    process = start("-c", ini, "--input", "-", "--speed", "0", stdin=subprocess.PIPE)
    process.stderr.readline()
    process.stdin.write("".join(candump_line(f) for burst in cycles([1], 189) for f in burst))
    process.stdin.close()
    process.stdin = None
    time.sleep(0.5)
    network.up()
    assert process.wait(timeout=60) == 0
    wait_until(lambda: len(subscriber.payloads()) == 189)
    assert "not delivered" not in process.stderr.read()
