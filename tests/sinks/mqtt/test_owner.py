"""A real spool and a real mosquitto: what was published arrives, once and in order."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from eflexcan2mqtt.sinks.mqtt import outbox
from eflexcan2mqtt.sinks.mqtt.caution import IN_FLIGHT
from eflexcan2mqtt.sinks.mqtt.spool import FILE_NAME, Spool
from tests.support.arrays import drained, numbers, publish
from tests.support.broker import LONGEST_WAIT_S, free_port, wait_until
from tests.support.faults import seen
from tests.support.program import STOP_S
from tests.support.slow_disk import COMPILER, FSYNC_MS, slow_disk

HOME = Path(__file__).parents[3]


@pytest.fixture
def quick_drain(monkeypatch):
    monkeypatch.setattr(outbox, "DRAIN_EVERY_S", 0.1)


def stored(folder):
    """How many arrays a closed spool holds."""
    spool = Spool(folder, 100, 30)
    try:
        return spool.count()
    finally:
        spool.close()


def on_disk(folder):
    """How large the files of an open spool are."""
    size = 0
    for path in folder.glob("spool.sqlite3*"):
        with suppress(FileNotFoundError):  # SQLite's own files come and go
            size += path.stat().st_size
    return size


@pytest.mark.usefixtures("quick_drain")
def test_what_is_published_while_the_broker_is_away_outlives_the_run(
    open_sink, broker, subscribe, tmp_path, lines
):
    subscriber = subscribe(broker.port)
    first = open_sink(free_port(), spool=tmp_path)
    publish(first, *range(120))
    assert first.close(LONGEST_WAIT_S) == 120
    assert lines("kept on disk: 120 arrays")
    second = open_sink(broker.port, spool=tmp_path)
    publish(second, *range(120, 130))
    assert drained(second)
    wait_until(lambda: len(subscriber.payloads()) == 130)
    assert numbers(subscriber.payloads()) == list(range(130))
    assert lines("120 arrays wait for the broker")
    second.close(LONGEST_WAIT_S)
    assert stored(tmp_path) == 0


@pytest.mark.usefixtures("quick_drain")
@pytest.mark.parametrize("fault", ["broker", "network"])
def test_what_a_fault_leaves_of_a_drain_comes_after_it(
    open_sink, remembering_broker, make_proxy, subscribe, tmp_path, fault
):
    """Not with a killed broker: it may have acknowledged what it has not yet written down."""
    broker, network = remembering_broker, make_proxy(remembering_broker.port)
    subscriber = subscribe(broker.port, session="reader")
    first = open_sink(free_port(), spool=tmp_path / "spool")
    publish(first, *range(300))
    first.close(LONGEST_WAIT_S)
    sink = open_sink(network.port, spool=tmp_path / "spool")
    for least in (60, 120):
        wait_until(lambda least=least: len(subscriber.payloads()) > least)
        if fault == "broker":
            broker.restart()
        else:
            network.down()
            time.sleep(0.5)
            network.up()
    assert drained(sink)
    wait_until(lambda: numbers(subscriber.payloads())[-1:] == [299])
    found = numbers(subscriber.payloads())
    assert list(dict.fromkeys(found)) == list(range(300))
    # What was in flight may have arrived without our knowing; a broker that starts again also
    # gives its reader some twice.
    assert fault == "broker" or len(found) <= 300 + 2 * IN_FLIGHT


@pytest.mark.parametrize("qos", [1, 2])
def test_a_stop_while_the_spool_drains_doubles_nothing_and_says_offline_last(
    open_sink, remembering_broker, subscribe, tmp_path, qos, lines, monkeypatch
):
    broker = remembering_broker
    subscriber = subscribe(broker.port, session="reader")
    first = open_sink(free_port(), spool=tmp_path / "spool")
    publish(first, *range(637))
    first.close(LONGEST_WAIT_S)
    for run, pause in enumerate((0.05, 0.02, 1.1, 0.0), 1):
        sink = open_sink(broker.port, spool=tmp_path / "spool", qos=qos)
        wait_until(lambda sink=sink: sink.state.connected)
        time.sleep(pause)
        begun = time.monotonic()
        sink.close(LONGEST_WAIT_S)  # what it has sent is acknowledged, however slow the machine
        assert time.monotonic() - begun < STOP_S

        def is_over(run=run):
            words = subscriber.statuses()
            return words.count(b"online") == run and words[-1] == b"offline"

        wait_until(is_over)
        if qos == 1:  # the end of QoS 2's longer dialogue may come later
            assert subscriber.messages[-1][1] == b"offline"
    seen("the program is stopped while it sends the spool", "\n".join(lines()))
    assert 100 < len(subscriber.payloads()) < 637
    monkeypatch.setattr(outbox, "DRAIN_EVERY_S", 0.1)
    last = open_sink(broker.port, spool=tmp_path / "spool")
    assert drained(last)
    wait_until(lambda: len(subscriber.payloads()) >= 637)
    assert numbers(subscriber.payloads()) == list(range(637))


def test_the_end_of_the_input_waits_for_the_whole_spool(
    open_sink, broker, subscribe, tmp_path, lines
):
    subscriber = subscribe(broker.port)
    first = open_sink(free_port(), spool=tmp_path)
    publish(first, *range(189))
    first.close(LONGEST_WAIT_S)
    second = open_sink(broker.port, spool=tmp_path)
    assert drained(second)
    wait_until(lambda: len(subscriber.payloads()) == 189)
    assert numbers(subscriber.payloads()) == list(range(189))
    seen("an input ends while the spool holds many arrays", "\n".join(lines()))


@pytest.mark.usefixtures("quick_drain")
def test_a_spool_that_is_damaged_while_in_use_gives_what_can_be_read(
    open_sink, broker, make_proxy, subscribe, tmp_path, lines
):
    subscriber, network = subscribe(broker.port), make_proxy(broker.port)
    network.down()
    folder = tmp_path / "spool"
    sink = open_sink(network.port, spool=folder)
    for first in range(0, 600, 100):
        publish(sink, *range(first, first + 100), size=20_000)
        wait_until(lambda least=first: on_disk(folder) > (least + 100) * 20_000)
    file = folder / FILE_NAME
    with file.open("r+b") as database:
        database.seek(file.stat().st_size // 2)
        database.write(os.urandom(1_000_000))
    network.up()
    publish(sink, 600)
    wait_until(lambda: lines("arrays saved"))
    assert drained(sink)
    wait_until(lambda: numbers(subscriber.payloads())[-1:] == [600])
    found = numbers(subscriber.payloads())
    [line] = lines("arrays saved")
    lost = int(line.rpartition(" arrays saved, ")[2].split()[0])
    assert "renamed to spool.damaged-1; made a new one: " in line
    assert 20 < lost < 100
    assert (folder / "spool.damaged-1").exists()
    assert found == sorted(set(found))
    assert len(found) == 601 - lost
    seen("the spool is damaged while it is in use", line)
    # The next outage finds a spool.
    network.down()
    wait_until(lambda: not sink.state.connected)
    publish(sink, *range(601, 650))
    assert sink.close(LONGEST_WAIT_S) == 49
    assert stored(folder) == 49


def remove_folder(folder):
    # At once: a new file may be in its place before the old ones are all gone.
    shutil.rmtree(folder.rename(folder.with_name("gone")))


def remove_file(folder):
    (folder / FILE_NAME).unlink()


def replace_file(folder):
    (folder / "other").write_bytes(b"not yours")
    (folder / "other").rename(folder / FILE_NAME)


@pytest.mark.parametrize("remove", [remove_folder, remove_file, replace_file])
def test_a_spool_that_is_removed_while_in_use_is_made_again(
    open_sink, make_proxy, broker, tmp_path, lines, remove
):
    folder = tmp_path / "spool"
    sink = open_sink(free_port(), spool=folder)
    publish(sink, *range(70))
    wait_until(lambda: on_disk(folder) > 70 * 500)
    remove(folder)
    publish(sink, *range(70, 140))
    wait_until(lambda: lines("was removed while in use"))
    assert sink.close(LONGEST_WAIT_S) == 140
    # What is not yet committed is in memory only, and was never at risk.
    assert lines(" arrays saved, 0 lost")
    assert lines("kept on disk: 140 arrays")
    assert stored(folder) == 140
    seen("the spool is deleted while it is in use", "\n".join(lines()))
    if remove is replace_file:
        assert (folder / "spool.damaged-1").read_bytes() == b"not yours"


def test_a_spool_that_cannot_be_opened_is_one_line_and_arrays_wait_in_memory(
    open_sink, broker, subscribe, tmp_path, lines
):
    (tmp_path / "file").write_text("")
    subscriber = subscribe(broker.port)
    sink = open_sink(broker.port, spool=tmp_path / "file" / "spool")
    publish(sink, 1)
    wait_until(lambda: numbers(subscriber.payloads()) == [1])
    assert len(lines("Not a directory; running without a spool, arrays wait in memory")) == 1
    seen("the spool's folder cannot be used", "\n".join(lines()))


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
def test_a_slow_disk_delays_neither_the_bus_nor_the_stop(broker, make_proxy, subscribe, tmp_path):
    """Each fsync takes 400 ms, the broker is away, and a bank of 14 goes on at its pace."""
    subscriber, network, cycles = subscribe(broker.port), make_proxy(broker.port), 9
    command = [sys.executable, "-m", "tests.support.paced"]
    with subprocess.Popen(
        [*command, str(network.port), tmp_path / "spool", str(cycles)],
        cwd=HOME,
        env={**os.environ, **slow_disk(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_until(lambda: len(subscriber.payloads()) >= 1)
            network.down()
            time.sleep(2.0)
            network.up()
            output, log = process.communicate(timeout=LONGEST_WAIT_S)
            found = json.loads(output)
        finally:
            process.kill()
    seen("a disk that needs 400 ms for each write", log)
    assert found["late"] == 0
    assert max(found["gaps_ms"]) < FSYNC_MS
    assert found["stop_s"] < STOP_S
    rest = Spool(tmp_path / "spool", 100, 30)
    kept = [payload for _, payload in rest.after(0, 100)]
    rest.close()

    def times():
        """Of the arrays, in their order; one that was in flight may have arrived twice."""
        arrays = [json.loads(each) for each in (*subscriber.payloads(), *kept)]
        assert {len(each) for each in arrays} == {14}
        return list(dict.fromkeys(each[0]["time"] for each in arrays))

    wait_until(lambda: len(times()) == cycles)  # the subscriber may be slower than the sink
    assert times() == sorted(times())


def test_a_hanging_disk_bounds_what_waits_for_it(tmp_path):
    """The spool is a folder that cannot be opened in time: a pipe that nobody writes into."""
    code = (
        "import os, sys, time; from eflexcan2mqtt.settings.schema import Mqtt, SpoolSettings;"
        "from eflexcan2mqtt.sinks.mqtt.sink import MqttSink;"
        "from tests.support.arrays import array;"
        f"os.mkfifo({str(tmp_path / FILE_NAME)!r});"
        f"sink = MqttSink(Mqtt(port={free_port()}), SpoolSettings({str(tmp_path)!r}), room=100);"
        "sink.start();"
        "[sink.publish(array(n)) for n in range(1000)];"
        "begun = time.monotonic(); sink.close();"
        f"print(time.monotonic() - begun < {STOP_S})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=HOME,
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT_S,
        check=False,
    )
    assert done.stdout == "True\n"
    assert done.returncode == 0


def test_a_killed_run_loses_only_the_last_second(open_sink, broker, subscribe, tmp_path):
    subscriber = subscribe(broker.port)
    code = (
        "import sys, time; from eflexcan2mqtt.settings.schema import Mqtt, SpoolSettings;"
        "from eflexcan2mqtt.sinks.mqtt.sink import MqttSink;"
        "from tests.support.arrays import array;"
        f"sink = MqttSink(Mqtt(port={free_port()}), SpoolSettings({str(tmp_path)!r}));"
        "sink.start();"
        "[(sink.publish(array(n)), time.sleep(0.01)) for n in range(50)];"
        "time.sleep(2); print(flush=True); time.sleep(20)"  # a second more for a busy machine
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    sink = open_sink(broker.port, spool=tmp_path)
    assert drained(sink)
    wait_until(lambda: len(subscriber.payloads()) == 50)
    assert numbers(subscriber.payloads()) == list(range(50))
