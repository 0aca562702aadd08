"""The spool and the counters of energy have one folder, or the spool one of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from eflexcan2mqtt.settings.history import HistorySettings
from eflexcan2mqtt.settings.recorder import RecorderSettings
from eflexcan2mqtt.settings.storage import SpoolSettings, StorageSettings


@pytest.mark.parametrize(
    ("service", "storage", "spool", "kept", "arrays"),
    [
        (None, None, None, None, None),
        ("/var/lib/x", None, None, "/var/lib/x", "/var/lib/x"),
        ("/var/lib/x:/var/lib/y", None, None, "/var/lib/x", "/var/lib/x"),
        ("/var/lib/x", "/ssd", None, "/ssd", "/ssd"),
        ("/var/lib/x", None, "/ssd", "/var/lib/x", "/ssd"),
        ("/var/lib/x", "/disk", "/ssd", "/disk", "/ssd"),
        ("/var/lib/x", "", None, None, None),
        ("/var/lib/x", None, "", "/var/lib/x", None),
        ("/var/lib/x", "", "/ssd", None, "/ssd"),
    ],
)
def test_the_spool_is_in_the_storage_unless_it_has_a_folder_of_its_own(
    monkeypatch, service, storage, spool, kept, arrays
):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    if service:
        monkeypatch.setenv("STATE_DIRECTORY", service)
    found = StorageSettings(storage)
    assert found.folder() == (kept and Path(kept))
    assert SpoolSettings(spool).folder(found) == (arrays and Path(arrays))


@pytest.mark.parametrize("kind", [HistorySettings, RecorderSettings])
def test_history_and_recordings_are_in_the_storage_unless_they_may_have_no_room(kind):
    storage = StorageSettings("/ssd")
    assert kind().folder(storage) == Path("/ssd")
    assert kind(max_mb=0).folder(storage) is None
    assert kind().folder(StorageSettings("")) is None
