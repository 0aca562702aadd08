#!/usr/bin/env python3
"""Stores the arrays of all banks in PostgreSQL, each reading once, and the last state of each bank.

    eflex_store.py --client-id eflex-store-1 --broker localhost --database dbname=eflex

An array is acknowledged when the database has committed it, so that the broker keeps what is not
stored: while the database is away, or this program.  What the broker sends twice has the same key
(battery and time), and is stored once.  Several of these, each with a client id of its own, can
share the arrays: see docs/many-banks.md for what the broker must be able to do then.

It needs paho-mqtt 2 and psycopg 3 (in Debian 13: python3-paho-mqtt and python3-psycopg), a broker
with MQTT 5 or 3.1.1, and the tables of eflex-store.sql.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

STATES = ("/status", "/bank/attention")
"""Below the topic of a bank: whether it is connected, and what needs attention."""
BATCH = 500
"""Messages in a transaction, at most; with MQTT 5, the broker sends no more before they are
acknowledged."""
LARGEST = 65_536
"""No array is larger: one of 15 batteries has 20 kB.  With MQTT 5, the broker sends none."""
FULL = 1200
"""While so many wait, nothing is read: with MQTT 3.1.1, the broker may send without end.  (NATS
sends 1024 arrays at most.)"""
QUIET_S, LONGEST_S = 0.05, 0.5
"""A batch ends when nothing has come for the first, or when the second has passed."""
RETRY_S = 1.0
KEEPALIVE_S = 30
SESSION_S = 30 * 86_400
"""How long the broker keeps arrays for a reader that is away, with MQTT 5."""
ROLL_UP_S = 60.0
ROLL_UP_PAUSE = 10
"""The pause after a day that was summed up, in times of what it took."""
UNSUPPORTED = 132
"""The reason code of a broker that does not accept MQTT 5."""
LASTING = {0x00, 0x87, 0x8F, 0x9E, 0xA2}
"""What a broker says of a topic, and will say next time, too: QoS 0, not allowed, wrong, no groups,
no wildcards."""

REFUSED = (
    psycopg.DataError,
    psycopg.errors.NotNullViolation,
    psycopg.errors.CheckViolation,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
)
"""What the database says of a message that it can never store; of anything else, it may recover."""

log = logging.getLogger("eflex_store")


class Database:
    """Stores messages; it connects when it has to.  It logs each error once, until it works."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.Connection | None = None
        self._down = False
        self._errors: set[str] = set()

    def store(self, messages: list[mqtt.MQTTMessage]) -> bool:
        """Store all, or none: whether they are committed."""
        try:
            self._store(self._connected(), messages)
        except psycopg.Error as error:
            self._failed(error)
            return False
        if self._down:
            log.info("database: works again")
            self._down = False
            self._errors.clear()
        return True

    def roll_up(self) -> bool:
        """Sum up a day of a battery, if one is over: whether there was one."""
        try:
            found = self._connected().execute("SELECT roll_up()").fetchone()
        except psycopg.Error as error:
            self._failed(error)
            return False
        return found == (True,)

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                # Also if the database has another one: so it says itself what it cannot store.
                client_encoding="utf8",
                connect_timeout=5,
                tcp_user_timeout=20_000,
            )
        return self._connection

    def _failed(self, error: psycopg.Error) -> None:
        what = error.diag.message_primary or " ".join(str(error).split())
        if what not in self._errors:
            self._errors.add(what)
            log.error("database: %s; retrying until it works", what)
        self._down = True
        self.close()

    def close(self) -> None:
        """End the connection, if there is one; the next call makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _store(self, connection: psycopg.Connection, messages: list[mqtt.MQTTMessage]) -> None:
        arrays = content(each for each in messages if not is_state(each))
        states = content(each for each in messages if is_state(each))
        try:
            # Binary (%b): as text, each character would be looked at, which is most of the work.
            connection.execute(
                "SELECT store(%b::text[], %b::text[]::jsonb[]), "
                "store_states(%b::text[], %b::text[])",
                (*arrays, *states),
            )
        except REFUSED as error:
            # What can never be stored must not hold up the rest.
            if len(messages) == 1:
                what = "state" if is_state(messages[0]) else "array"
                why = str(error).splitlines()[0]
                log.error("%s: no %s, and skipped: %s", messages[0].topic, what, why)
                return
            middle = len(messages) // 2
            self._store(connection, messages[:middle])
            self._store(connection, messages[middle:])


class Reader:
    """The client of the broker.  Its loop is run here, so that nothing happens beside it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._database = Database(options.database)
        self._options = options
        share = f"$share/{options.group}/" if options.group else ""
        # States are not shared: a group gets no retained ones, and two readers could swap them.
        self._topics = [share + options.topic, *(options.topic + each for each in STATES)]
        self._tls = options.tls or options.tls_ca
        self._version = mqtt.MQTTv5
        self._broker = ""
        self._waiting: dict[object, mqtt.MQTTMessage] = {}
        """By message id: NATS sends again what is not acknowledged in time, with the same one."""
        self._stored = 0
        self._roll_up_at = 0.0
        self._stopping = False
        self._troubles: set[str] = set()

    def stop(self, *_: object) -> None:
        """Store what has come, and end."""
        self._stopping = True

    def run(self) -> None:
        """Read until it is stopped."""
        with contextlib.closing(self._database):
            self._run()

    def _run(self) -> None:
        """Read from the first broker that works."""
        for broker in itertools.cycle(self._options.broker):
            self._broker, version = broker, self._version
            try:
                self._connect()
                self._read()
                if version == self._version:
                    self._report("the connection has ended")
            except OSError as error:
                self._report(str(error))
            self._waiting.clear()  # the broker sends them again, as they are not acknowledged
            if self._stopping:
                log.info("stored %d arrays", self._stored)
                return
            time.sleep(RETRY_S)

    def _connect(self) -> None:
        """Continue the session that the broker keeps for this client id."""
        options, properties = self._options, None
        session: dict[str, object] = {"clean_session": False}
        if self._version == mqtt.MQTTv5:
            session = {}
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = SESSION_S
            properties.ReceiveMaximum = BATCH
            properties.MaximumPacketSize = LARGEST
        self._client = client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            protocol=self._version,
            manual_ack=True,
            **session,
        )
        if options.username:
            client.username_pw_set(options.username, password(options.password_file))
        if self._tls:
            client.tls_set(options.tls_ca)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_message = self._received
        address = urlsplit(f"//{self._broker}")
        client.connect(
            *(address.hostname, address.port or (8883 if self._tls else 1883), KEEPALIVE_S),
            clean_start=False if properties else mqtt.MQTT_CLEAN_START_FIRST_ONLY,
            properties=properties,
        )

    def _read(self) -> None:
        """Read while there is a connection."""
        first = retry = 0.0
        while True:
            before = len(self._waiting)
            if self._loop() != mqtt.MQTT_ERR_SUCCESS:
                return
            now = time.monotonic()
            if not before:
                first = now
            quiet = len(self._waiting) == before
            due = quiet or before >= BATCH or now - first > LONGEST_S or self._stopping
            if self._waiting and due and now >= retry and not self._store():
                retry = time.monotonic() + RETRY_S
            if self._stopping:
                self._client.disconnect()
                return
            if not self._waiting and now >= self._roll_up_at:
                self._roll_up()

    def _loop(self) -> mqtt.MQTTErrorCode:
        """Read a packet, unless too much waits; the broker keeps the rest."""
        if len(self._waiting) < FULL:
            return self._client.loop(QUIET_S)
        time.sleep(QUIET_S)
        return self._client.loop_misc()

    def _store(self) -> bool:
        batch = dict(itertools.islice(self._waiting.items(), BATCH))
        if not self._database.store(list(batch.values())):
            return False
        for key, message in batch.items():
            self._client.ack(message.mid, message.qos)
            del self._waiting[key]
        self._stored += sum(not is_state(message) for message in batch.values())
        return True

    def _roll_up(self) -> None:
        """It delays what comes meanwhile, so that it is done a day of a battery at a time."""
        begun = time.monotonic()
        more = self._database.roll_up()
        now = time.monotonic()
        self._roll_up_at = now + (ROLL_UP_PAUSE * (now - begun) if more else ROLL_UP_S)

    def _connected(self, client, userdata, flags, reason, properties) -> None:
        if reason.value == UNSUPPORTED and self._version == mqtt.MQTTv5:
            if self._options.group:
                end(f"{self._broker}: this broker does not accept MQTT 5, as --group needs")
            log.info("%s: this broker does not accept MQTT 5; MQTT 3.1.1 is used", self._broker)
            self._version = mqtt.MQTTv311
        elif reason.is_failure:
            raise ConnectionRefusedError(f"refused: {reason}")
        elif self._options.group and not getattr(properties, "SharedSubscriptionAvailable", True):
            end(f"{self._broker}: this broker has no shared subscriptions, as --group needs")
        else:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _subscribed(self, client, userdata, mid, reasons, properties) -> None:
        for topic, reason in zip(self._topics, reasons, strict=True):
            trouble = f"{topic}: expected QoS 1, the broker says: {reason}"
            if reason.value in LASTING:
                # With QoS 0 the broker would keep nothing.
                end(f"{self._broker}: {trouble}")
            if reason.is_failure:
                raise ConnectionRefusedError(trouble)
        log.info("%s: reads %s", self._broker, ", ".join(self._topics))
        self._troubles.clear()

    def _received(self, client, userdata, message: mqtt.MQTTMessage) -> None:
        if len(message.payload) > LARGEST:
            log.error("%s: %d bytes, and skipped", message.topic, len(message.payload))
            self._client.ack(message.mid, message.qos)
        elif message.qos or len(self._waiting) < BATCH:  # of QoS 0, the broker sends without end
            self._waiting[message.mid or object()] = message

    def _report(self, trouble: str) -> None:
        """Log it once, until a broker works."""
        line = f"{self._broker}: {trouble}"
        if not self._stopping and line not in self._troubles:
            self._troubles.add(line)
            log.error("%s; retrying until a broker works", line)


def is_state(message: mqtt.MQTTMessage) -> bool:
    return message.topic.endswith(STATES)


def content(messages: Iterable[mqtt.MQTTMessage]) -> tuple[list[str], list[str]]:
    """Topics and payloads."""
    found = [(each.topic, each.payload.decode(errors="replace")) for each in messages]
    return [topic for topic, _ in found], [payload for _, payload in found]


def broker(text: str) -> str:
    """Raises ValueError unless it is HOST or HOST:PORT."""
    address = urlsplit(f"//{text}")
    if not address.hostname or address.port == 0 or re.search(r"[\s/@,?#]", text):
        raise ValueError(text)
    address.hostname.encode("idna")
    return text


def topic(text: str) -> str:
    """Raises ValueError if there can be no topic below it, as those of states."""
    if not text or "#" in text:
        raise ValueError(text)
    return text


def end(why: str) -> NoReturn:
    """End for a reason that no further try can change."""
    log.error("%s", why)
    sys.exit(os.EX_CONFIG)


def password(file: str | None) -> str | None:
    """Of a file, or of systemd's credential mqtt-password."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(file) if file else Path(folder, "mqtt-password") if folder else None
    return path.read_text().strip() if path and path.exists() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add(
        "--broker",
        type=broker,
        action="append",
        required=True,
        metavar="HOST[:PORT]",
        help="again for more",
    )
    add("--client-id", required=True, help="of this reader alone; the broker knows it by this name")
    add("--group", help="readers with the same one share the arrays; without, each reads all")
    add(
        "--topic",
        type=topic,
        default="eflex/+/+",
        metavar="TOPIC",
        help="of the arrays of all banks, without # (default: %(default)s)",
    )
    add("--database", default="dbname=eflex", help="a connection string of PostgreSQL")
    add("--username", help="at the broker")
    add("--password-file", help="without it, systemd's credential mqtt-password")
    add("--tls", action="store_true", help="the port is 8883 then, if none is named")
    add("--tls-ca", help="a file with the certificate of your own authority; TLS, too")
    options = parser.parse_args()
    try:
        psycopg.conninfo.make_conninfo(options.database)
    except psycopg.ProgrammingError as error:
        parser.error(f"--database: {str(error).strip()}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    reader = Reader(options)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, reader.stop)
    reader.run()


if __name__ == "__main__":
    main()
