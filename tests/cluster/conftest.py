"""A PostgreSQL for all tests, a database for each, and readers that store in it."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import paho.mqtt.client as paho
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.broker import LONGEST_WAIT_S, wait_until
from tests.support.postgres import Postgres, rows

from .nats import Nats
from .network import Network
from .rabbitmq import RabbitMQ
from .store import EXAMPLES, HOUSE

NODES = (1, 2, 3)
ROOM = 2_000_000_000
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres():
    """A running PostgreSQL."""
    # Its crashes here are none of the machine, so that nothing has to be on a disk.
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM
    # What waits for a lock that nobody gives back is an error, and does not wait for ever.
    settings = {"fsync": "off", "track_commit_timestamp": "on", "lock_timeout": "30s"}
    server = Postgres(settings, memory if roomy else None)
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def database(postgres):
    """The connection string of a database with the tables of the example."""
    if not postgres.runs:  # a test that stopped it has failed
        postgres.start()
    return postgres.create(f"eflex_{next(_numbers)}", EXAMPLES / "eflex-store.sql")


class Store:
    """A reader of examples/eflex_store.py, which can be killed and started again."""

    def __init__(self, log, database, brokers, client_id, *arguments):
        self.log = log
        self._command = [
            *(sys.executable, EXAMPLES / "eflex_store.py", "--client-id", client_id),
            *(word for each in brokers for word in ("--broker", each)),
            *("--database", database, *arguments),
        ]
        self._process = None

    def start(self, reads=True):
        """Start it, and wait until it reads."""
        before = self.said().count(": reads ")
        with self.log.open("a") as log:
            self._process = subprocess.Popen(self._command, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(lambda: not reads or self.said().count(": reads ") > before, "a reader")
        return self

    @property
    def pid(self):
        return self._process.pid

    def said(self):
        return self.log.read_text() if self.log.exists() else ""

    def end(self, number=signal.SIGTERM):
        """End it, if it runs; its exit status."""
        if self._process is None:
            return None
        self._process.send_signal(number)
        return self.wait()

    def wait(self):
        """Until it ends; its exit status."""
        process, self._process = self._process, None
        return process.wait(LONGEST_WAIT_S)


@pytest.fixture
def make_store(tmp_path, database):
    """Readers by their brokers, or the port of one, and client id; killed with the test."""
    made = []

    def make(brokers, client_id="store-1", *arguments, reads=True):
        if isinstance(brokers, int):
            brokers = [f"127.0.0.1:{brokers}"]
        log = tmp_path / f"{client_id}.log"
        made.append(Store(log, database, brokers, client_id, *arguments))
        return made[-1].start(reads)

    yield make
    for each in made:
        each.end(signal.SIGKILL)


@pytest.fixture
def make_publish():
    """By a broker's port: what publishes with QoS 1, and waits until the broker has it."""
    clients = []

    def make_publish(port):
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.max_inflight_messages_set(1000)
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", port)
        client.loop_start()
        clients.append(client)

        def publish(*payloads, topic=HOUSE):
            wait_until(client.is_connected)  # again, after a restart
            sent = [client.publish(topic, each, qos=1) for each in payloads]
            for each in sent:
                each.wait_for_publish(30)
                assert each.is_published()

        return publish

    yield make_publish
    for each in clients:
        each.disconnect()
        each.loop_stop()


@pytest.fixture
def publish(make_publish, remembering_broker):
    """Publish messages to this broker."""
    return make_publish(remembering_broker.port)


class SmallTablespace:
    """A disk of 4 MB for the tables of a database."""

    def __init__(self, folder):
        self._filler = folder / "filler"

    def fill(self):
        """Leave room for a few tables."""
        with self._filler.open("wb") as filler:
            filler.write(bytes(4_000_000))

    def free(self):
        self._filler.unlink()


@pytest.fixture
def small_tablespace(postgres, database):
    """The new tables of the database are on it."""
    folder = postgres.folder / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    [[name]] = rows(database, "SELECT current_database()")
    try:
        with psycopg.connect(postgres.conninfo("postgres"), autocommit=True) as connection:
            place = folder / "tables"
            place.mkdir()
            shutil.chown(place, postgres.folder.owner(), postgres.folder.group())
            connection.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
            connection.execute(f"ALTER DATABASE {name} SET default_tablespace = small")
            yield SmallTablespace(folder)
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            connection.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="session")
def network():
    """Ours, and that of three nodes."""
    return Network(NODES)


@pytest.fixture(scope="session", params=[RabbitMQ, Nats], ids=lambda engine: engine.__name__)
def nodes(request, network, tmp_path_factory):
    """Three nodes that take clients."""
    folder = tmp_path_factory.mktemp(request.param.__name__)
    made = [request.param(number, folder) for number in NODES]
    try:
        for each in made:
            each.start()
        for each in made:
            each.wait()
        yield made
    finally:
        with ExitStack() as ends:
            for each in made:
                ends.callback(each.kill)
