"""A new installation with 14 batteries is quiet: few rows for the recorder, none for Activity."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import datetime, timezone
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from tests.support.broker import Broker
from tests.support.program import mqtt_ini

from .hass import Hass
from .moving_bank import MovingBank

BATTERIES = 14
SETTLE_S = 75.0
"""Until values no longer follow the descriptions, and it is known that nothing needs attention."""

WATCHED_S = float(os.environ.get("EFLEX_WATCHED_S", "300"))
COMMITTED_S = 12.0
"""The recorder writes each 5 s."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A new Home Assistant with recorder and Activity, and a bank with more than the defaults."""
    folder = tmp_path_factory.mktemp("quiet")
    broker = Broker(folder, "allow_anonymous true").start()
    ini = mqtt_ini(folder, broker.port, fields="extended")
    ini.write_text(ini.read_text() + "[homeassistant]\ndiscovery = yes\n")
    hass = Hass(folder / "hass", "frontend", "history", "recorder", "logbook")
    bank = None
    try:
        hass.start()
        hass.add_mqtt(broker.port)
        bank = MovingBank(ini, BATTERIES)
        yield SimpleNamespace(hass=hass, bank=bank, broker=broker, ini=ini)
    finally:
        if bank:
            bank.stop()
        hass.stop()
        broker.kill()


def watched(home):
    """Rows by entity, and entries of Activity, of the next minutes."""
    time.sleep(SETTLE_S)
    begun = time.time()
    time.sleep(WATCHED_S)
    over = time.time()
    time.sleep(COMMITTED_S)
    return rows(home.hass, begun, over), activity(home.hass, begun, over)


def rows(hass, begun, over):
    """The rows of our entities that the recorder has written, by entity."""
    path = hass.folder / "home-assistant_v2.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        found = database.execute(
            "select meta.entity_id, count(*)"
            " from states join states_meta as meta using (metadata_id)"
            " where last_updated_ts between ? and ? and meta.entity_id like '%eflex%'"
            " group by 1",
            (begun, over),
        )
        return Counter(dict(found.fetchall()))


def activity(hass, begun, over):
    """The entries of Activity about our entities."""
    start, end = (datetime.fromtimestamp(at, timezone.utc).isoformat() for at in (begun, over))
    entries = hass.get(f"/api/logbook/{quote(start)}?end_time={quote(end)}")
    return [each for each in entries if "eflex" in each.get("entity_id", "")]


def told(what, found, entries):
    minutes = WATCHED_S / 60
    kinds = Counter()
    for name, count in found.items():
        kinds[name.split("_", 3)[-1] if "bank" not in name else name] += count
    print(f"{what}: {sum(found.values()) / minutes:.0f} rows a minute, {len(entries)} entries")
    print({name: round(count / minutes, 1) for name, count in kinds.most_common(12)})
    print(json.dumps(entries)[:1000])


@pytest.mark.parametrize(("load", "most"), [(False, 120), (True, 300)], ids=["rest", "load"])
def test_a_new_installation_writes_few_rows_and_no_entry(home, load, most):
    home.bank.load = load
    found, entries = watched(home)
    told("under load" if load else "at rest", found, entries)
    assert 0 < sum(found.values()) / (WATCHED_S / 60) <= most
    assert entries == []
