"""Owners can go back and forth: this version and 1.2.0 take over from each other."""

from __future__ import annotations

import platform
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial

import pytest

from .support.arrays import numbers
from .support.bank import START, candump_line, sent
from .support.broker import wait_until
from .support.generated import INI
from .support.old_release import has_history, old_release
from .support.program import LOG, MAIN, mqtt_ini, stop

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="1.2.0 is started, for x86_64"),
    pytest.mark.skipif(not has_history(), reason="a copy of the sources has no older release"),
]

OLD, NEW = "1.2.0", "this version"
FED = 10
"""So many cycles are fed at once."""


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """What owners of 1.2.0 have."""
    return old_release(OLD, tmp_path_factory.mktemp("release"))


@pytest.fixture
def programs(release):
    """How each version is started."""
    return {OLD: [release / "eflexcan2mqtt" / "eflexcan2mqtt"], NEW: [sys.executable, MAIN]}


@pytest.fixture
def command():
    """`start` and `run` get a version with their arguments."""
    return []


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def bridge(start, programs, tmp_path, spool):
    """A version with the one INI and spool, that reads what it is fed."""

    def bridge(version, port):
        ini = mqtt_ini(tmp_path, port)
        ini.write_text(f"{ini.read_text()}[spool]\ndirectory = {spool}\n")
        arguments = ("-c", ini, "--input", "-", "--speed", "0")
        return start(*programs[version], *arguments, stdin=subprocess.PIPE)

    return bridge


def feed(process, seconds, batteries=(1,)):
    """Cycles of a bank; the last one is complete when the next begins, or at a stop."""
    for second in seconds:
        for battery in batteries:
            frames = sent(battery, START + second)
            process.stdin.write("".join(map(candump_line, frames)))
    process.stdin.flush()


def seconds_in(spool, folder):
    """The times of the arrays in a spool that a program may have open, in order from START."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    try:
        shutil.copytree(spool, copy)
        with closing(sqlite3.connect(copy / "spool.sqlite3")) as database:
            rows = database.execute("SELECT payload FROM arrays ORDER BY number").fetchall()
    except (OSError, shutil.Error, sqlite3.Error):  # it is being made
        return []
    return [time - START for time in numbers([payload for (payload,) in rows])]


def begins_with(seconds, spool, folder):
    """Whether the arrays of these seconds are in the spool, and perhaps more."""
    return seconds_in(spool, folder)[: len(seconds)] == seconds


def arrived(subscriber):
    return [time - START for time in numbers(subscriber.payloads())]


@pytest.mark.parametrize("last", [OLD, NEW])
def test_arrays_of_both_versions_arrive_once_and_in_order(
    bridge, make_broker, subscribe, tmp_path, spool, last
):
    fed, kept = 0, []
    with socket.socket() as no_broker:
        no_broker.bind(("127.0.0.1", 0))
        port = no_broker.getsockname()[1]
        for version, end in (
            (OLD, signal.SIGKILL),
            (NEW, signal.SIGKILL),
            (OLD, signal.SIGTERM),
            (NEW, signal.SIGTERM),
        ):
            process = bridge(version, port)
            feed(process, range(fed, fed + FED))
            stored = [*kept, *range(fed, fed + FED - 1)]
            wait_until(partial(begins_with, stored, spool, tmp_path), f"{stored} in the spool")
            # It ends while it takes these; what it had stored must stay.
            feed(process, range(fed + FED, fed + 2 * FED))
            stop(process, end)
            kept = seconds_in(spool, tmp_path)
            assert kept[: len(stored)] == stored
            fed += 2 * FED

    subscriber = subscribe(make_broker(port=port).start().port)
    process = bridge(last, port)
    feed(process, range(fed, fed + FED))
    expected = [*kept, *range(fed, fed + FED)]
    wait_until(lambda: len(arrived(subscriber)) >= len(expected), "all arrays")
    stop(process)
    assert arrived(subscriber) == expected
    assert seconds_in(spool, tmp_path) == []


def test_what_only_this_version_leaves_does_not_disturb_the_one_before(
    bridge, make_broker, subscribe, tmp_path, spool
):
    """A damaged spool, an array that is too large for the broker, and others that it denies."""
    spool.mkdir()
    (spool / "spool.sqlite3").write_text("This is no database.")
    (tmp_path / "acl").write_text("topic deny eflexbatteries\ntopic readwrite #\n")
    strict = make_broker(
        "allow_anonymous true", "message_size_limit 2000", f"acl_file {tmp_path}/acl"
    ).start()
    process = bridge(NEW, strict.port)
    feed(process, [0], batteries=range(1, 15))
    feed(process, range(1, FED))
    wait_until(lambda: list(spool.glob("rejected-*.json")), "the rejected array")
    wait_until(lambda: begins_with([*range(1, FED - 1)], spool, tmp_path), "the others")
    stop(process)
    strict.stop()
    left = set(spool.glob("rejected-*.json")) | set(spool.glob("*.damaged-1"))
    assert len(left) == 2

    subscriber = subscribe(make_broker(port=strict.port).start().port)
    process = bridge(OLD, strict.port)
    wait_until(lambda: len(arrived(subscriber)) >= FED - 1, "the arrays")
    stop(process)
    assert arrived(subscriber) == [*range(1, FED)]
    assert seconds_in(spool, tmp_path) == []
    assert left <= set(spool.iterdir())


def test_each_version_takes_the_ini_that_the_other_ships(run, programs, release):
    for version, ini in ((OLD, INI), (NEW, release / "eflexcan2mqtt.ini")):
        done = run(*programs[version], "-c", ini, "--input", LOG, "--output", "json", "--check")
        assert (done.stderr, done.returncode) == ("", 0)
